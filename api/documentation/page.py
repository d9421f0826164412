"""The HTML page of `/docs`, rendered from the OpenAPI document. It loads only our own files. Only trying calls needs
JavaScript."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from api.documentation.notation import Notation, prose
from api.documentation.schemas import Schema
from api.documentation.texts import BEFORE, CODES, FILES, VARIABLES

ASSETS = Path(str(files("api"))) / "pages" / "docs"
"""Served under `/static/docs/`."""
PAGE = Template((files(__package__) / "page.html").read_text())

Operation = dict[str, Any]


def render(document: dict[str, Any]) -> str:
    schemas = document["components"]["schemas"]
    server = document["servers"][0]["url"]
    before = BEFORE.replace("SERVER", server) if _is_development(document) else ""
    notation = Notation(schemas)
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    by_tag = {
        tag["name"]: (tag["description"], [entry for entry in operations if entry[2]["tags"] == [tag["name"]]])
        for tag in document["tags"]
    }
    sections = [
        f'<section id="section-{tag}"><h2>{tag}</h2><p>{prose(description)}</p>'
        + "".join(_endpoint(notation, server, bool(before), *entry) for entry in entries)
        + "</section>"
        for tag, (description, entries) in by_tag.items()
    ]
    contents = [
        f'<section><p><a href="#section-{tag}">{tag}</a></p><ul>{"".join(_entry(*entry) for entry in entries)}</ul></section>'
        for tag, (_, entries) in by_tag.items()
    ]
    return PAGE.substitute(
        title=escape(document["info"]["title"]),
        version=escape(document["info"]["version"]),
        server=f"<code>{escape(server)}</code>",
        assets=_fingerprint(),
        contents="\n".join(contents),
        introduction=_paragraphs(document["info"]["description"])
        + (
            f"<p>The examples below use these variables. Run this once:</p>{_code(escape(before, quote=False), 'curl')}"
            if before
            else ""
        ),
        codes="\n".join(f'<tr><th scope="row">{code}</th><td>{prose(text)}</td></tr>' for code, text in CODES.items()),
        sections="\n".join(sections),
        objects=_objects(notation, schemas),
    )


def _entry(path: str, method: str, operation: Operation) -> str:
    return f'<li><a href="#{operation["operationId"]}">{escape(path.removeprefix("/api/"))}</a></li>'


def _is_development(document: dict[str, Any]) -> bool:
    return "/sandbox/purchases" in document["paths"]


def _endpoint(
    notation: Notation, server: str, with_variables: bool, path: str, method: str, operation: Operation
) -> str:
    name = operation["operationId"]
    text, _, access = operation["description"].rpartition("\n\n")
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    aliases = ", ".join(f"<code>{escape(alias)}</code>" for alias in operation.get("x-aliases", ()))
    asked = ""
    if body is not None:
        asked = f"<h4>Request</h4>{_fields(notation, notation.component(body['schema']), 'required')}"
    elif parameters := operation.get("parameters"):
        asked = f"<h4>Parameters</h4>{_fields(notation, {'properties': _by_name(parameters)}, 'required')}"
    return f"""
<article class="endpoint" id="{name}" aria-labelledby="{name}-title">
<h3 id="{name}-title"><span class="method">{method.upper()}</span> <code>{_breakable(path)}</code>{_access(operation)}</h3>
<div class="prose">{_paragraphs(text or access)}{f'<p class="quiet">{prose(access)}</p>' if text else ""}
{f"<p>Also called as {aliases}.</p>" if aliases else ""}</div>
<div class="columns">
<div>{asked}{_try(path, method, name, body)}</div>
<div><h4>Example</h4>{_code(escape(_curl(server + path, operation, body, with_variables), quote=False), "curl")}
<h4>Answer</h4>{_code(_answers(notation, operation), "answer")}{_outcomes(operation)}</div>
</div>
</article>"""


def _access(operation: Operation) -> str:
    access = operation.get("x-access")
    return f' <span class="tag access-{access}">{access}</span>' if access else ""


def _answers(notation: Notation, operation: Operation) -> str:
    """The outline of a successful answer."""
    content = operation["responses"]["200"]["content"]
    if "application/json" not in content:
        return "text"
    answer: Schema = content["application/json"]["schema"]
    if "oneOf" not in answer:
        return notation.shape(answer)
    done = notation.component(answer["oneOf"][0])["properties"]
    beside = "".join(f',\n  <span class="key">"{key}"</span>: {notation.type(done[key])}' for key in list(done)[2:])
    msg = notation.shape(done["msg"], "  ")
    return f'{{\n  <span class="key">"code"</span>: 200,\n  <span class="key">"msg"</span>: {msg}{beside}\n}}'


def _fields(notation: Notation, schema: Schema, mark: str) -> str:
    """The fields of an object. `mark` is the tag "required" on required fields, or another tag on the other fields."""
    rows = []
    for name, field in schema.get("properties", {}).items():
        required = name in schema.get("required", ())
        tag = f' <span class="tag">{mark}</span>' if required == (mark == "required") else ""
        note = f'<dd class="quiet">{prose(field["description"])}</dd>' if "description" in field else ""
        default = field.get("default", "")
        stands_in = f", else <code>{escape(json.dumps(default))}</code>" if default not in ("", []) else ""
        rows.append(
            f"<div><dt><code>{escape(name)}</code>{tag}</dt><dd>{notation.type(field)}{stands_in}</dd>{note}</div>"
        )
    return f'<dl class="fields">{"".join(rows)}</dl>' if rows else '<p class="quiet">No fields. Send an empty body.</p>'


def _by_name(parameters: list[dict[str, Any]]) -> Schema:
    return {entry["name"]: {**entry["schema"], "description": entry["description"]} for entry in parameters}


def _try(path: str, method: str, name: str, body: dict[str, Any] | None) -> str:
    """The form to try a call, hidden until the script that sends it has loaded."""
    inputs = ""
    if body is not None:
        example = escape(json.dumps(body["example"], indent=2, ensure_ascii=False), quote=False)
        rows = max(4, example.count("\n") + 2)
        inputs = f"""
<label>Body <textarea name="body" rows="{rows}" spellcheck="false" autocapitalize="off">{example}</textarea></label>
<div class="pair">
<label>Session token <input name="token" autocomplete="off" spellcheck="false" autocapitalize="off"></label>
<label>API key <input name="key" autocomplete="off" spellcheck="false" autocapitalize="off"></label>
</div>"""
    return f"""
<details class="try" hidden><summary>Try it</summary>
<form data-path="{escape(path)}" data-method="{method.upper()}" aria-label="Try {name}">{inputs}
<button>Send</button> <output></output>
<pre class="received" tabindex="0" hidden></pre>
</form></details>"""


def _outcomes(operation: Operation) -> str:
    """Every `code` with its reasons, parsed from the description of the response."""
    _, *lines = operation["responses"]["200"]["description"].split("\n- ")
    rows = (line.partition(": ") for line in lines)
    return "".join(f'<p class="quiet"><code>{code}</code> {prose(why)}</p>' for code, _, why in rows)


def _curl(url: str, operation: Operation, body: dict[str, Any] | None, with_variables: bool) -> str:
    parts = [f"curl {url}"]
    if operation.get("x-access", "open") in ("user", "proven"):
        token = "$(token cleo)" if with_variables and operation.get("x-ends-session") else "$TOKEN"
        parts.append(f'-H "Authorization: Bearer {token}"')
    if files := _needed_files(operation):
        parts += [f"-F {name}=@{FILES[name]}" for name in files]
    elif body is not None:
        data = shlex.quote(json.dumps(body["example"], ensure_ascii=False))
        parts.append(f"-d {_variables(data, body['example']) if with_variables else data}")
    return " \\\n  ".join(parts)


def _needed_files(operation: Operation) -> list[str]:
    form = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data")
    return form["schema"]["allOf"][1].get("required", []) if form else []


def _variables(data: str, example: Mapping[str, Any]) -> str:
    """The quoted body with shell variables for the values that come from other calls."""
    for field, variable in VARIABLES.items():
        if field in example:
            value = json.dumps(example[field], ensure_ascii=False)
            quoted_variable = f"'${variable}'"  # closes the shell quotes around it and opens them again
            filled = value.replace(value.strip('"'), quoted_variable)
            data = data.replace(f'"{field}": {value}', f'"{field}": {filled}')
    return data


def _code(marked_up: str, kind: str) -> str:
    return f'<pre class="{kind}" tabindex="0"><code>{marked_up}</code></pre>'


def _objects(notation: Notation, schemas: dict[str, Schema]) -> str:
    """The objects that are linked from answers or from other objects."""
    drawn: dict[str, str] = {}
    while waiting := notation.linked - drawn.keys():
        for name in waiting:
            drawn[name] = _object(notation, name, schemas[name])
    return "\n".join(drawn[name] for name in sorted(drawn))


def _object(notation: Notation, name: str, schema: Schema) -> str:
    text = _paragraphs(schema["description"]) if "description" in schema else ""
    return (
        f'<details class="object" id="object-{name}"><summary>{name}</summary>'
        f"{text}{_fields(notation, schema, 'may be absent')}</details>"
    )


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{prose(paragraph)}</p>" for paragraph in text.split("\n\n"))


def _breakable(path: str) -> str:
    """The escaped path, with line breaks allowed after its slashes."""
    return escape(path).replace("/", "/<wbr>")


def _fingerprint() -> str:
    """A hash of the page's files for their URLs, so that browsers load the files of a new release."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(ASSETS.glob("docs.*")))).hexdigest()[:10]
