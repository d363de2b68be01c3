"""The fields of a form as a browser without scripts would send them."""

from __future__ import annotations

from html.parser import HTMLParser


class _Form(HTMLParser):
    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id, self.fields, self.inside = form_id, dict[str, str](), False
        self.select, self.area, self.option = "", "", False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = {name: value or "" for name, value in attrs}
        name, value = of.get("name", ""), of.get("value", "")
        if tag == "form":
            self.inside = of.get("id") == self.form_id
        elif not self.inside:
            return
        elif tag == "select":
            self.select = name
        elif tag == "option" and self.select and ("selected" in of or self._is_first()):
            self.fields[self.select] = value
        elif tag == "textarea":
            self.area, self.fields[name] = name, ""
        elif tag == "input" and name:
            ticked = of.get("type") not in ("checkbox", "radio") or "checked" in of
            if ticked:
                self.fields[name] = value

    def _is_first(self) -> bool:
        return self.select not in self.fields

    def handle_data(self, data: str) -> None:
        if self.area:
            self.fields[self.area] += data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag in ("select", "textarea"):
            self.select = self.area = ""


def fields_in(page: str, form_id: str) -> dict[str, str]:
    """By name, without any button."""
    form = _Form(form_id)
    form.feed(page)
    return form.fields
