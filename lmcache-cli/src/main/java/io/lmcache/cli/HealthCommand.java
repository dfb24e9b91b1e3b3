package io.lmcache.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.lmcache.api.LmcacheException;
import io.lmcache.server.ServerClient;
import io.lmcache.server.ServerHealth;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code lmcache health}. */
@Command(
        name = "health",
        description = {
            "Tells whether a server is running and takes calls, and what does not work though it does.",
            "The exit status is 0 when it takes calls, 1 when it does not or none is there, 2 for bad input."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class HealthCommand implements Callable<Integer> {
    @Mixin
    private final ServerChoice server = new ServerChoice();

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        try (ServerClient client = server.connect()) {
            ServerHealth health = client.health();
            print(health);
            return health.isServing() ? 0 : 1;
        } catch (LmcacheException e) {
            spec.commandLine().getErr().println("lmcache: " + e.getMessage());
            return 1;
        }
    }

    private void print(ServerHealth health) throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(fields(health)));
            return;
        }
        out.println(line(health));
        health.troubles().forEach(trouble -> out.println("  " + trouble));
    }

    /** The server in a line. */
    static String line(ServerHealth health) {
        return "server " + health.pid() + ", version " + health.version() + ", " + health.status() + ", up "
                + Quantities.age(health.uptime()) + ", tiers " + String.join(", ", health.tiers());
    }

    static Map<String, Object> fields(ServerHealth health) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("status", health.status());
        fields.put("pid", health.pid());
        fields.put("version", health.version());
        fields.put("uptimeSeconds", health.uptime().toSeconds());
        fields.put("tiers", health.tiers());
        fields.put("troubles", health.troubles());
        return fields;
    }
}
