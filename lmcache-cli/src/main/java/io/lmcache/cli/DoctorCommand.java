package io.lmcache.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.lmcache.api.option.SharedOptions;
import io.lmcache.api.spi.Finding;
import io.lmcache.core.Lmcache;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.diagnosis.StackDiagnosis;
import io.lmcache.server.ServerDiagnosis;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lmcache doctor}. */
@Command(
        name = "doctor",
        description = {
            "Tells whether the configured tiers will work on this machine, on what path and how fast, and what to do"
                    + " about whatever is missing. Writes and reads 64 MiB at a time, which it removes again.",
            "The exit status is 0 when the configured mode works, 1 when not."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class DoctorCommand implements Callable<Integer> {
    @Parameters(
            arity = "0..1",
            paramLabel = "PATH",
            description = "The directory, or several with commas in between, to take for gds_path.")
    private @Nullable String path;

    @Mixin
    private final ConfigChoice choice = new ConfigChoice();

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        StackDiagnosis diagnosis = Lmcache.diagnose(config());
        List<Finding> server = ServerDiagnosis.findings();
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            printJson(diagnosis, server, out);
        } else {
            DoctorTable.print(diagnosis, server, out);
        }
        return diagnosis.works() ? 0 : 1;
    }

    private LmcacheConfig config() {
        if (path == null) {
            return choice.load();
        }
        if (path.isBlank()) {
            throw new ParameterException(spec.commandLine(), "PATH is blank");
        }
        return choice.load(Map.of(SharedOptions.GDS_PATH.name(), path));
    }

    private static void printJson(StackDiagnosis diagnosis, List<Finding> server, PrintWriter out) throws IOException {
        ObjectMapper mapper = new ObjectMapper();
        ObjectNode node = mapper.createObjectNode();
        node.put("works", diagnosis.works());
        node.setAll(mapper.<ObjectNode>valueToTree(diagnosis));
        node.set("server", mapper.valueToTree(server));
        out.println(mapper.writerWithDefaultPrettyPrinter().writeValueAsString(node));
    }
}
