"""`txplatform import`: send the records of a bank's or a card network's file to the platform."""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from confluent_kafka import Producer

from txplatform.cli.import_report import print_records, print_report
from txplatform.cli.progress import progress
from txplatform.errors import TxPlatformError
from txplatform.importing.account_finder import ACCOUNT_FACTS, AccountFinder, read_accounts
from txplatform.importing.clearing_sender import post_clearings
from txplatform.importing.csv_files import CsvFile
from txplatform.importing.payment_sender import send_payments
from txplatform.importing.records import FileRecord, Reader, RecordOutcome, UnusableFileError
from txplatform.importing.report import Report
from txplatform.importing.screening import screened
from txplatform.kafka import ReportedCauses, client_config, start_client
from txplatform.settings import client_setting, load_kafka_settings
from txplatform_client import Client, InvalidArgumentError, TxPlatformClientError

_DEFAULT_URL = "http://127.0.0.1:8000"
_TIMEOUT_S = 30
_LEAST_S = 10
"""The least time for one call, since a batch may take longer than `--wait`."""
_LIBRARIES = frozenset({"cardutil", "defusedxml"})
_OPTIONS = {
    "accounts": {"camt", "ipm"},
    "account_by": {"camt"},
    "account_pattern": {"camt"},
    "payment_id": {"camt"},
    "transaction_id": {"ipm"},
    "encoding": {"ipm"},
}
"""The formats that each option is for."""


class WrongUseError(TxPlatformError):
    """Raised if options do not fit together."""


class ImportEndedError(TxPlatformError):
    """Raised if the API refuses the calls, or does not respond in time."""


class MissingLibraryError(TxPlatformError):
    """Raised if a library that reads a format is not installed."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument(
        "--format",
        required=True,
        choices=["camt", "ipm", "csv"],
        help="camt: a bank's camt.053 or camt.054; ipm: a Mastercard clearing file; csv: payments"
        " or settlement items with the headers in docs/",
    )
    parser.add_argument("--dry-run", action="store_true", help="print what would be sent")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument(
        "--accounts",
        type=Path,
        metavar="CSV",
        help="camt, ipm: the accounts of keys or card numbers, with the header key,account_id",
    )
    parser.add_argument(
        "--account-by",
        action="append",
        choices=[*ACCOUNT_FACTS],
        help="camt: what names the account; repeat it for more, in order"
        " (default: structured-reference)",
    )
    parser.add_argument(
        "--account-pattern",
        type=_pattern,
        metavar="REGEX",
        help="camt: what to search in it; the first group is the key",
    )
    parser.add_argument(
        "--payment-id",
        choices=["auto", "end-to-end-id", "bank-reference"],
        help="camt: the reference that is the payment id (default: auto, the end-to-end id of a"
        " direct debit and the bank's reference of a transfer)",
    )
    parser.add_argument(
        "--transaction-id",
        choices=["trace-id", "retrieval-reference", "approval-code", "none"],
        help="ipm: what is the transaction id of the authorization: trace-id (DE 63, the default),"
        " retrieval-reference (DE 37) or approval-code (DE 38)",
    )
    parser.add_argument(
        "--encoding", help="ipm: the code page, such as cp037 (default: ASCII or cp500, by itself)"
    )
    parser.add_argument(
        "--api-url", help=f"the API (default: TXPLATFORM_API_URL, or else {_DEFAULT_URL})"
    )
    parser.add_argument(
        "--api-key",
        help="key with the scope audit:read for payments, transactions:write for settlement"
        " (default: TXPLATFORM_API_KEY)",
    )
    parser.add_argument(
        "--wait",
        type=float,
        default=60,
        metavar="SECONDS",
        help="longest time without an outcome (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Send the file's records. Return 1 if one needs a person, 2 if nothing could be sent."""
    report = Report()
    try:
        reader = _reader(arguments)
        records = _kept(reader, report, unique_ids=arguments.format != "csv")
        total = sum(1 for _ in _kept(reader, Report(), unique_ids=False))
        if arguments.dry_run:
            print_records(records, report)
            return 0 if report.complete else 1
        api = _api(arguments)
    except OSError as error:
        sys.stderr.write(f"txplatform import: {error.filename}: {error.strerror}\n")
        return 2
    except (UnusableFileError, WrongUseError, MissingLibraryError) as error:
        sys.stderr.write(f"txplatform import: {error}\n")
        return 2
    try:
        with api, progress(f"import {arguments.file.name}", total) as advance:
            for outcome in _send(records, api, arguments.wait):
                report.add(outcome)
                advance(1)
    except TxPlatformClientError as error:
        raise ImportEndedError(
            f"The import ended: {error}",
            next_step="Import the file again when this is settled; nothing is applied twice.",
        ) from None
    finally:
        # After a fault, the report says what was done so far.
        print_report(report, arguments.file.name, as_json=arguments.json)
    return 0 if report.complete else 1


def _reader(arguments: argparse.Namespace) -> Reader:
    """Return the reader of the format, configured by the options."""
    for option, formats in _OPTIONS.items():
        if getattr(arguments, option) is not None and arguments.format not in formats:
            name = option.replace("_", "-")
            raise WrongUseError(f"--{name} is not for the format {arguments.format}.")
    if arguments.format == "csv":
        return CsvFile(arguments.file).read
    accounts = read_accounts(arguments.accounts) if arguments.accounts is not None else None
    try:
        if arguments.format == "ipm":
            return _ipm_reader(arguments, accounts)
        from txplatform.importing.bank_payments import BankPayments  # noqa: PLC0415

        facts = arguments.account_by or ["structured-reference"]
        finder = AccountFinder(facts, arguments.account_pattern, accounts)
        return BankPayments(arguments.file, finder, arguments.payment_id or "auto").read
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in _LIBRARIES:
            raise
        raise MissingLibraryError(
            f"The format {arguments.format} needs the library {library}.",
            next_step="Install it with `pip install 'txplatform[import]'`.",
        ) from None


def _ipm_reader(arguments: argparse.Namespace, accounts: Mapping[str, str] | None) -> Reader:
    from txplatform.importing.ipm import IpmFile  # noqa: PLC0415

    if accounts is None:
        raise WrongUseError(
            "The format ipm needs --accounts: the file names card numbers, which the platform"
            " does not know."
        )
    return IpmFile(
        arguments.file,
        AccountFinder(["card-number"], accounts=accounts),
        arguments.transaction_id or "trace-id",
        arguments.encoding,
    ).read


def _api(arguments: argparse.Namespace) -> Client:
    key = arguments.api_key or client_setting("api_key")
    if key is None:
        raise WrongUseError(
            "There is no API key.", next_step="Set TXPLATFORM_API_KEY or use --api-key."
        )
    url = arguments.api_url or client_setting("api_url") or _DEFAULT_URL
    try:
        return Client(url, key, timeout_s=_TIMEOUT_S, deadline_s=max(_LEAST_S, arguments.wait))
    except InvalidArgumentError as error:
        raise WrongUseError(str(error)) from None


def _kept(reader: Reader, report: Report, *, unique_ids: bool) -> Iterator[FileRecord]:
    """Yield the records to send, and add the others to the report."""
    for read in screened(reader, unique_ids=unique_ids):
        if isinstance(read, FileRecord):
            yield read
        else:
            report.add(read)


def _send(records: Iterator[FileRecord], api: Client, patience_s: float) -> Iterator[RecordOutcome]:
    """Send the records to where their kind belongs; a file has one kind."""
    first = next(records, None)
    if first is None:
        return iter(())
    everything = chain([first], records)
    if first.topic is None:
        return post_clearings(api, everything, patience_s=patience_s)
    causes = ReportedCauses()
    config = client_config(load_kafka_settings(), causes)
    producer = start_client(Producer, {**config, "enable.idempotence": True})
    return send_payments(producer, api, everything, patience_s=patience_s, explain=causes.explain)


def _pattern(word: str) -> re.Pattern[str]:
    try:
        return re.compile(word)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{word!r} is no regular expression: {error}") from None
