import java.util.List;
import java.util.Map;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.AccountsApi;
import org.openapitools.client.api.AuditApi;
import org.openapitools.client.api.TransactionsApi;
import org.openapitools.client.model.BalanceResponse;
import org.openapitools.client.model.DecisionResponse;
import org.openapitools.client.model.DryRunResponse;
import org.openapitools.client.model.EventResponse;
import org.openapitools.client.model.KeyCause;
import org.openapitools.client.model.MerchantFields;
import org.openapitools.client.model.OpenAccountRequest;
import org.openapitools.client.model.ProblemDetails;
import org.openapitools.client.model.ProcessTransactionRequest;

/** Uses the generated client: arguments are the API's URL and a key. */
class Program {
    private static final long LIMIT = 3_000_000_000L;
    private static final long AMOUNT = 2_500_000_000L;

    public static void main(String[] arguments) throws Exception {
        ApiClient client = new ApiClient();
        client.updateBaseUri(arguments[0]);
        client.setRequestInterceptor(
            request -> request.header("Authorization", "Bearer " + arguments[1]));
        AccountsApi accounts = new AccountsApi(client);
        TransactionsApi transactions = new TransactionsApi(client);

        accounts.openAccount(
            new OpenAccountRequest().accountId("java-1").currency("JPY").creditLimit(LIMIT));
        DryRunResponse tried =
            transactions.processTransaction(purchase("tx-1", AMOUNT), true).getDryRunResponse();
        check("approved".equals(tried.getDecision().getValue()) && tried.getEventId() == null, tried);
        DecisionResponse approved =
            transactions.processTransaction(purchase("tx-1", AMOUNT), false).getDecisionResponse();
        check(approved.getAmount() == AMOUNT && approved.getEventId() != null, approved);
        DecisionResponse declined =
            transactions.processTransaction(purchase("tx-2", AMOUNT), null).getDecisionResponse();
        check("declined".equals(declined.getDecision().getValue()), declined);
        check(declined.getReasons().get(0).getObserved().getLong() == 2 * AMOUNT, declined);

        BalanceResponse balance = accounts.readBalance("java-1", null);
        check(balance.getPending() == AMOUNT && balance.getAvailable() == LIMIT - AMOUNT, balance);
        List<EventResponse> events =
            new AuditApi(client).readAccountEvents("java-1", 10L, null).getItems();
        check(events.size() == 3, events);
        check(events.get(1).getCausedBy().getActualInstance() instanceof KeyCause, events);

        try {
            accounts.readBalance("java-2", null);
            throw new AssertionError("no problem");
        } catch (ApiException error) {
            ProblemDetails problem = client.getObjectMapper()
                .readValue(error.getResponseBody(), ProblemDetails.class);
            check(problem.getStatus() == 404 && problem.getNextStep() != null, problem);
        }
        System.out.println("done");
    }

    private static ProcessTransactionRequest purchase(String id, long amount) {
        return new ProcessTransactionRequest().transactionId(id).accountId("java-1").amount(amount)
            .currency("JPY").merchant(new MerchantFields().name("Corner Books"))
            .metadata(Map.of("terminal", "T-4"));
    }

    private static void check(boolean right, Object found) {
        if (!right) {
            throw new AssertionError(found);
        }
    }
}
