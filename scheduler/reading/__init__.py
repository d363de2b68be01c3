"""Journeys and the calendar's override table as people write them in YAML."""
