package io.lmcache.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.lmcache.core.engine.ModelStats;
import io.lmcache.server.ServerClient;
import io.lmcache.server.ServerHealth;
import io.lmcache.server.ServerStats;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code lmcache stats}. */
@Command(
        name = "stats",
        description = {
            "Tells what a running server holds and did since its start, by model and by tier.",
            "The exit status is 0, 2 for bad input or when no server answers."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class StatsCommand implements Callable<Integer> {
    private static final String CLEAR_SCREEN = "\033[H\033[2J";

    @Mixin
    private final ServerChoice server = new ServerChoice();

    @Option(names = "--json", description = "Print JSON, a line each time with --watch.")
    private boolean json;

    @Option(
            names = "--watch",
            paramLabel = "SECONDS",
            arity = "0..1",
            fallbackValue = "2",
            defaultValue = "0",
            description = "Look again every so many seconds, ${FALLBACK-VALUE} unless given, until interrupted.")
    private int seconds;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (seconds < 0) {
            throw new ParameterException(spec.commandLine(), "--watch is " + seconds + ", below 0");
        }
        PrintWriter out = spec.commandLine().getOut();
        try (ServerClient client = server.connect()) {
            print(client, out);
            // A reader who has gone away ends it, too.
            while (seconds > 0 && !out.checkError()) {
                TimeUnit.SECONDS.sleep(seconds);
                print(client, out);
            }
        }
        return 0;
    }

    private void print(ServerClient client, PrintWriter out) throws IOException {
        ServerHealth health = client.health();
        ServerStats stats = client.stats();
        if (json) {
            ObjectMapper mapper = new ObjectMapper();
            Map<String, Object> fields = fields(health, stats);
            out.println(
                    seconds > 0
                            ? mapper.writeValueAsString(fields)
                            : mapper.writerWithDefaultPrettyPrinter().writeValueAsString(fields));
            return;
        }
        if (seconds > 0 && Boolean.getBoolean("lmcache.terminal")) {
            out.print(CLEAR_SCREEN);
        }
        table(health, stats, out);
    }

    private static void table(ServerHealth health, ServerStats stats, PrintWriter out) {
        out.println(HealthCommand.line(health));
        out.printf(
                "%d sessions, %d KV caches of %s, %d pins%n",
                stats.sessions(), stats.kvCaches(), Quantities.bytes(stats.mappedBytes()), stats.pins());
        health.troubles().forEach(trouble -> out.println("  " + trouble));
        if (!stats.models().isEmpty()) {
            out.printf(
                    "%n%9s %13s %6s %9s %13s %9s %13s %13s  %s%n",
                    "lookups", "tokens", "found", "retrieves", "tokens had", "stores", "tokens", "declined", "model");
            stats.models().forEach((name, model) -> row(name, model, out));
        }
        out.printf(
                "%n%9s %10s %10s %5s %11s %11s %11s %9s %8s %8s  %s%n",
                "chunks", "size", "limit", "full", "hits", "misses", "stored", "evicted", "corrupt", "failed", "tier");
        stats.tiers().forEach(tier -> row(tier, out));
    }

    private static void row(String name, ModelStats model, PrintWriter out) {
        out.printf(
                "%9d %13d %6s %9d %13d %9d %13d %13d  %s%n",
                model.lookups(),
                model.lookedUpTokens(),
                percent(model.foundTokens(), model.lookedUpTokens()),
                model.retrieves(),
                model.hitTokens(),
                model.stores(),
                model.storedTokens(),
                model.declinedTokens(),
                name);
    }

    private static void row(ServerStats.Tier tier, PrintWriter out) {
        boolean isLimited = tier.limitBytes() != Long.MAX_VALUE;
        out.printf(
                "%9d %10s %10s %5s %11d %11d %11d %9d %8d %8d  %s%n",
                tier.chunks(),
                Quantities.bytes(tier.bytes()),
                isLimited ? Quantities.bytes(tier.limitBytes()) : "none",
                isLimited ? percent(tier.bytes(), tier.limitBytes()) : "-",
                tier.count("tier_hits"),
                tier.count("tier_misses"),
                tier.count("tier_stored"),
                tier.count("evicted"),
                tier.count("corrupt"),
                tier.count("tier_failures"),
                tier.name());
    }

    private static String percent(long part, long whole) {
        return whole == 0 ? "-" : String.format(Locale.ROOT, "%.0f %%", 100.0 * part / whole);
    }

    private static Map<String, Object> fields(ServerHealth health, ServerStats stats) {
        Map<String, Object> fields = HealthCommand.fields(health);
        fields.put("sessions", stats.sessions());
        fields.put("kvCaches", stats.kvCaches());
        fields.put("mappedBytes", stats.mappedBytes());
        fields.put("pins", stats.pins());
        fields.put("models", stats.models());
        fields.put(
                "tiers",
                stats.tiers().stream()
                        .collect(Collectors.toMap(
                                ServerStats.Tier::name, StatsCommand::fields, (first, _) -> first, LinkedHashMap::new)));
        return fields;
    }

    private static Map<String, Object> fields(ServerStats.Tier tier) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("chunks", tier.chunks());
        fields.put("bytes", tier.bytes());
        fields.put("limitBytes", tier.limitBytes());
        fields.put("counters", tier.counters());
        return fields;
    }
}
