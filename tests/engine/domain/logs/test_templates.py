from __future__ import annotations

import pytest

from engine.domain.logs.templates import TemplateError, render

FIELDS = {"ID": "0123456789ab", "Name": "web", "ContainerLabels": {"app": "shop"}}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("{{.Name}}", "web"),
        ("{{ .Name }}/{{.ID}}", "web/0123456789ab"),
        ("a {{- .Name -}} b", "awebb"),
        ("{{upper .Name}}", "WEB"),
        ("{{.Name | upper}}", "WEB"),
        ("{{truncate .ID 5 | upper}}", "01234"),
        ("{{json .Name}}", '"web"'),
        ("{{title .Name}}", "Web"),
        ("{{pad .Name 1 2}}", " web  "),
        ('{{printf "%s-%v" .Name .ID}}', "web-0123456789ab"),
        ('{{index .ContainerLabels "app"}}', "shop"),
        ('{{index .ContainerLabels "none"}}', ""),
        ('{{"text"}}', "text"),
    ],
)
def test_template_becomes_text(template: str, text: str) -> None:
    assert render(template, FIELDS) == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (
            "{{.Foo}}",
            'template: log-tag:1:2: executing "log-tag" at <.Foo>: '
            "can't evaluate field Foo in type *logger.Info",
        ),
        ("{{.Name", "template: log-tag:1: unclosed action"),
        ("{{nosuch .Name}}", 'template: log-tag:1: function "nosuch" not defined'),
        ("{{}}", "template: log-tag:1: missing value for command"),
        ("{{.Name .ID}}", "template: log-tag:1: can't give argument to non-function"),
        ("{{.}}", 'template: log-tag:1: unexpected "." in command'),
    ],
)
def test_wrong_template_is_refused_in_gos_words(template: str, text: str) -> None:
    with pytest.raises(TemplateError) as refusal:
        render(template, FIELDS)
    assert str(refusal.value) == text


def test_function_with_wrong_arguments_is_refused() -> None:
    with pytest.raises(TemplateError, match="at <upper>"):
        render("{{upper}}", FIELDS)
