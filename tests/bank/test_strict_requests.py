"""The bank reads requests as strictly as the platform does."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from harness.api import RunningApi
from harness.bank import Bank, new_account
from txbank.commands import SERVICES
from txbank.fields import BodyId, Id, PaymentId
from txbank.strict_requests import parse_json
from txplatform.contracts import fields as platform
from txplatform.contracts.json import NotJsonError, parse_strict_json

BODIES = {
    "empty": b"",
    "not JSON": b"account_id=1",
    "two values": b"{}{}",
    "trailing comma": b'{"account_id": "a",}',
    "NaN": b'{"credit_limit": NaN}',
    "-Infinity": b'{"credit_limit": -Infinity}',
    "a number that is too large": b'{"credit_limit": 1e400}',
    "a number of 10,000 digits": b'{"credit_limit": ' + b"9" * 10_000 + b"}",
    "repeated key": b'{"account_id": "a", "account_id": "a"}',
    "repeated escaped key": b'{"account_id": "a", "account_\\u0069d": "a"}',
    "repeated key inside": b'{"holder": {"name": "a", "name": "a"}}',
    "latin-1": b'{"account_id": "\xe9"}',
    "utf-16": '{"account_id": "a"}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "raw control character": b'{"account_id": "\x01"}',
    "deep nesting": b"[" * 20_000,
    "33 levels": b"[" * 33 + b"]" * 33,
    "32 levels": b"[" * 32 + b"]" * 32,
    "an array": b"[]",
    "a string": b'"account"',
    "null": b"null",
    "no field": b"{}",
    "unknown field": b'{"colour": "red"}',
    "unknown field with half a character": b'{"\\ud800": 1}',
    "unknown field of 10,000 characters": b'{"%b": 1}' % (b"x" * 10_000),
    "half a character": b'{"account_id": "\\ud800"}',
    "amount as text": b'{"credit_limit": "1"}',
    "amount with a fraction": b'{"credit_limit": 1.5}',
    "amount with a fraction that floats round": b'{"credit_limit": 1250.00000000000001}',
    "tiny amount": b'{"credit_limit": 1e-400}',
}
MEDIA_TYPES = ["text/plain", "application/xml", "application/jsonx", "application/a+json", "x"]
FORM = "application/x-www-form-urlencoded"


def problem(response: httpx.Response) -> tuple[int, str]:
    """Return status and type of a problem that is complete."""
    assert response.headers["Content-Type"] == "application/problem+json"
    found = response.json()
    assert found["status"] == response.status_code
    assert found["detail"]
    assert found["next_step"]
    return response.status_code, found["type"]


def post(client: httpx.Client, content: bytes, media_type: str = "application/json") -> Any:
    """Send bytes to `/v1/accounts`, which the platform and the accounts service have."""
    headers = {"Content-Type": media_type}
    return problem(client.post("/v1/accounts", content=content, headers=headers))


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_bad_body_gets_the_problem_that_the_platform_gives(
    api: RunningApi, accounts: httpx.Client, body: bytes
) -> None:
    assert post(accounts, body) == post(api.client, body)


@pytest.mark.parametrize("media_type", [*MEDIA_TYPES, FORM])
@pytest.mark.parametrize("body", [b"{}", b"", b"{"])
def test_another_media_type_gets_the_problem_that_the_platform_gives(
    api: RunningApi, accounts: httpx.Client, body: bytes, media_type: str
) -> None:
    expected = (415, "/problems/unsupported-media-type")
    assert post(accounts, body, media_type) == post(api.client, body, media_type) == expected


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_is_known_by_its_media_type_however_it_is_written(
    accounts: httpx.Client, media_type: str
) -> None:
    content = json.dumps(new_account()).encode()
    for headers in ({"Content-Type": media_type}, {}):
        response = accounts.post("/v1/accounts", content=content, headers=headers)
        assert response.status_code in {200, 201}


@pytest.mark.parametrize(("amount", "minor"), [("1250.0", 1250), ("1e3", 1000), ("0.0", 0)])
def test_a_number_with_a_zero_fraction_is_an_amount(
    accounts: httpx.Client, amount: str, minor: int
) -> None:
    content = json.dumps(new_account(credit_limit="@")).replace('"@"', amount)
    headers = {"Content-Type": "application/json"}
    response = accounts.post("/v1/accounts", content=content, headers=headers)
    assert (response.status_code, response.json()["credit_limit"]) == (201, minor)


def calls(bank: Bank) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Return service, method, path and description of every call, with ids in the path."""
    return [
        (
            service,
            method,
            path.replace("{delivery_id}", "1").replace("{", "").replace("}", ""),
            operation,
        )
        for service in SERVICES
        for path, methods in httpx.get(f"{bank.url(service)}/openapi.json").json()["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_call_is_as_strict(bank: Bank, subtests: pytest.Subtests) -> None:
    with_body = 0
    for service, method, path, operation in calls(bank):
        with subtests.test(service, method=method, path=path), bank.client(service) as client:
            response = client.request(method, f"{path}?colour=red", json={})
            assert problem(response) == (422, "/problems/validation")
            assert [each["pointer"] for each in response.json()["errors"]] == ["/colour"]
            for name in (
                each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"
            ):
                response = client.request(method, f"{path}?{name}=1&{name}=1")
                assert problem(response) == (422, "/problems/validation")
                assert [each["pointer"] for each in response.json()["errors"]] == [f"/{name}"]
            if "requestBody" in operation:
                with_body += 1
                headers = {"Content-Type": "application/json"}
                repeated = client.request(method, path, content='{"a":1,"a":1}', headers=headers)
                assert problem(repeated) == (400, "/problems/not-json")
                text = client.request(method, path, content="{}", headers={"Content-Type": "x"})
                assert problem(text) == (415, "/problems/unsupported-media-type")
    assert with_body >= 8


def test_without_a_key_no_fault_of_the_request_is_told(bank: Bank) -> None:
    for service, method, path, _ in calls(bank):
        for content in ("{", '{"a":1,"a":1}', ""):
            response = httpx.request(
                method, f"{bank.url(service)}{path}?colour=red", content=content
            )
            assert problem(response) == (401, "/problems/unauthenticated")


@given(
    st.binary(max_size=40) | st.text(alphabet='{}[]":,ab01.e-+ \\u', max_size=40).map(str.encode)
)
def test_any_bytes_are_read_as_the_platform_reads_them(data: bytes) -> None:
    def read(parse: Any) -> str:
        try:
            return repr(parse(data))
        except NotJsonError:
            return "not JSON"
        except Exception as error:
            if getattr(error, "type", None) is None:
                raise
            return "not JSON"

    assert read(parse_json) == read(parse_strict_json)


IDS = st.text(max_size=66) | st.text(alphabet="aZ0._:- /\t\n", max_size=66)


@given(IDS)
@pytest.mark.parametrize(("ours", "theirs"), [(Id, platform.UrlId), (BodyId, platform.BodyId)])
def test_an_id_has_the_form_that_it_has_at_the_platform(ours: Any, theirs: Any, text: str) -> None:
    def read(kind: Any) -> str | None:
        try:
            return str(TypeAdapter(kind).validate_python(text))
        except ValidationError:
            return None

    assert read(ours) == read(theirs)


@pytest.mark.parametrize("text", [".", "..", " .. "])
def test_the_id_of_a_payment_is_no_step_of_a_path(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(PaymentId).validate_python(text)


@pytest.mark.parametrize("begin", ["_x1", "-a", "a:b", ".a", "...", "A.b_c:d-e"])
def test_every_id_of_the_platform_can_be_an_account(accounts: httpx.Client, begin: str) -> None:
    account_id = f"{begin}{uuid4()}"[:64]
    opened = accounts.post("/v1/accounts", json=new_account(account_id))
    assert opened.status_code == 201
    assert accounts.get(f"/v1/accounts/{account_id}").json()["account_id"] == account_id
