"""The built-in engine: trained with scikit-learn, served with numpy alone."""

from __future__ import annotations
