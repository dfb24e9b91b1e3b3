package io.lmcache.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.lmcache.cli.demo.Demo;
import io.lmcache.cli.demo.ModelConfig;
import io.lmcache.cli.demo.Report;
import io.lmcache.core.config.LmcacheConfig;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lmcache demo}. */
@Command(
        name = "demo",
        description = {
            "Shows what the cache saves a small language model, on the configured stack of tiers, or without a"
                    + " configuration on host memory and a temporary directory.",
            "The exit status is 0 when all logits are bit for bit those of a run without a cache, 1 when not."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class DemoCommand implements Callable<Integer> {
    private static final Path STANDARD_INPUT = Path.of("-");

    private final ModelConfig model;
    private final InputStream standardInput;

    @Parameters(
            arity = "0..1",
            paramLabel = "FILE",
            description =
                    "The text to use as a prompt, - for standard input; the README unless given. Of a long text the"
                            + " beginning is used.")
    private @Nullable Path file;

    @Mixin
    private final ConfigChoice choice = new ConfigChoice();

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    DemoCommand(ModelConfig model, InputStream standardInput) {
        this.model = model;
        this.standardInput = standardInput;
    }

    @Override
    public Integer call() throws IOException {
        PromptText text = text();
        Report report = run(text.head());
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            printJson(report, text, out);
        } else {
            DemoTable.print(report, text, out);
        }
        return report.allLogitsEqual() ? 0 : 1;
    }

    private PromptText text() {
        if (file == null) {
            Path home = Path.of(System.getProperty("lmcache.home", ""));
            return PromptText.ofFile(home.resolve("README.md"), Demo.TEXT_BYTES);
        }
        return file.equals(STANDARD_INPUT)
                ? PromptText.read("standard input", standardInput, Demo.TEXT_BYTES)
                : PromptText.ofFile(file, Demo.TEXT_BYTES);
    }

    private Report run(String text) throws IOException {
        List<String> freshProcess = new ArrayList<>(List.of(Main.class.getName(), DemoProcessCommand.NAME));
        freshProcess.addAll(choice.arguments());
        Optional<LmcacheConfig> config = choice.isConfigured() ? Optional.of(choice.load()) : Optional.empty();
        if (json || !ProgressDisplay.isWatched()) {
            return new Demo(model, config, freshProcess, (step, units) -> {}).run(text);
        }
        try (ProgressDisplay display = new ProgressDisplay("demo", Demo.progressUnits(model))) {
            return new Demo(model, config, freshProcess, display).run(text);
        }
    }

    private static void printJson(Report report, PromptText text, PrintWriter out) throws IOException {
        ObjectMapper mapper = new ObjectMapper();
        ObjectNode node = mapper.createObjectNode();
        node.put("text", text.name());
        node.setAll(mapper.<ObjectNode>valueToTree(report));
        out.println(mapper.writerWithDefaultPrettyPrinter().writeValueAsString(node));
    }
}
