/** Uses the generated types: arguments are the API's URL and a key. */
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[] };

const LIMIT = 3_000_000_000;
const AMOUNT = 2_500_000_000;
const [url, key] = process.argv.slice(2);
const client = createClient<paths>({
  baseUrl: url,
  headers: { Authorization: `Bearer ${key}` },
});

function check(right: boolean, found: unknown): void {
  if (!right) throw new Error(JSON.stringify(found));
}

/** Fields with defaults need not be given. */
function purchase(id: string): components["schemas"]["ProcessTransactionRequest"] {
  return {
    transaction_id: id,
    account_id: "ts-1",
    amount: AMOUNT,
    currency: "JPY",
    merchant: { name: "Corner Books" },
  };
}

async function decide(id: string, dry_run?: boolean) {
  const { data, error } = await client.POST("/v1/process-transaction", {
    params: { query: { dry_run } },
    body: purchase(id),
  });
  if (data === undefined) throw new Error(error.detail);
  return data;
}

const account = { params: { path: { account_id: "ts-1" } } };
const opened = await client.POST("/v1/accounts", {
  body: { account_id: "ts-1", currency: "JPY", credit_limit: LIMIT },
});
check(opened.data?.credit_limit === LIMIT, opened);

const tried = await decide("tx-1", true);
if (tried.kind !== "dry_run") throw new Error("no dry run");
check(tried.dry_run && tried.event_id === null, tried);
const approved = await decide("tx-1");
if (approved.kind !== "decision") throw new Error("no decision");
check(approved.decision === "approved" && approved.event_id.length === 32, approved);
const declined = await decide("tx-2");
check(declined.reasons[0]?.observed === 2 * AMOUNT, declined);

const balance = await client.GET("/v1/accounts/{account_id}/balance", account);
check(balance.data?.available === LIMIT - AMOUNT, balance);
const events = await client.GET("/v1/accounts/{account_id}/events", account);
const cause = events.data?.items[1]?.caused_by;
check(events.data?.items.length === 3, events);
check(cause?.kind === "api_key" && cause.name === "test", cause);

const missing = await client.GET("/v1/accounts/{account_id}/balance", {
  params: { path: { account_id: "ts-2" } },
});
check(missing.error?.status === 404 && missing.error.next_step !== "", missing);
console.log("done");
