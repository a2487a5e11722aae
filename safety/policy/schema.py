"""The JSON Schema of policy files (draft 2020-12), for editors and other tools.

Made from the models that read policies and from the options of the installed detectors. It checks shape and
names; what needs reading more than the file (rules that tests name, files, ``extends``) is checked by
``policy.file`` alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter

from safety.detectors.registry import Registry
from safety.policy.layers import SHIPPED
from safety.policy.shape import DetectorShape, PolicyShape

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def policy_schema(registry: Registry) -> dict[str, Any]:
    """The schema of a policy under the detectors of ``registry``."""
    schema = PolicyShape.model_json_schema(mode="validation")
    defs: dict[str, Any] = schema["$defs"]
    common = DetectorShape.model_json_schema(mode="validation")
    detectors = {name: _detector(name, registry, common, defs) for name in registry.names}
    schema["properties"]["detectors"] |= {"additionalProperties": False, "properties": detectors}
    defs["Category"] = _category(registry)
    defs["WhenShape"]["properties"]["category"] |= _one_or_many({"$ref": "#/$defs/Category"})
    schema["properties"]["extends"]["examples"] = list(SHIPPED)
    return {"$schema": DIALECT, "title": "Policy of the content-safety layer", **_tidy(schema)}


def schema_text(registry: Registry) -> str:
    """The schema as the file that editors read: one line per key and definition, so that a change of one
    shows as a change of one."""
    parts = [f"  {json.dumps(key)}: {_lines(value)}" for key, value in policy_schema(registry).items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _lines(value: Any) -> str:
    if not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    inner = [f"    {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in value.items()]
    return "{\n" + ",\n".join(inner) + "\n  }"


def _detector(
    name: str, registry: Registry, common: Mapping[str, Any], defs: dict[str, Any]
) -> dict[str, Any]:
    options = TypeAdapter(registry.entries[name].detector.Options).json_schema(
        mode="validation", ref_template=f"#/$defs/{name}.{{model}}"
    )
    for inner, schema in options.pop("$defs", {}).items():
        defs[f"{name}.{inner}"] = schema | {"additionalProperties": False}
    finds = ", ".join(_roots(registry.entries[name].detector.categories))
    return {
        "anyOf": [
            {"type": "null"},
            options
            | {
                "properties": {**options.get("properties", {}), **common["properties"]},
                "additionalProperties": False,
            },
        ],
        "description": f"Finds: {finds}.",
    }


def _category(registry: Registry) -> dict[str, Any]:
    """Every known category and root by name, and ``*``. Below one that is declared without a dot the policy
    may name its own (``blocklist.<list>``)."""
    categories = {c for entry in registry.entries.values() for c in entry.detector.categories}
    known = sorted({*categories, *_roots(categories)})
    named = "|".join(sorted(re.escape(category) for category in categories if "." not in category))
    return {"anyOf": [{"enum": ["*", *known]}, {"type": "string", "pattern": rf"^({named})\.[^.]"}]}


def _roots(categories: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(category.partition(".")[0] for category in categories))


def _one_or_many(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}


def _tidy(schema: Any) -> Any:
    """Without the titles that pydantic makes of names: they say nothing and crowd an editor's hints."""
    if isinstance(schema, dict):
        return {
            key: _tidy(value)
            for key, value in schema.items()
            if not (key == "title" and isinstance(value, str))
        }
    return [_tidy(item) for item in schema] if isinstance(schema, list) else schema
