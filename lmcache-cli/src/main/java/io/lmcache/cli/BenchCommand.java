package io.lmcache.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.lmcache.api.option.OptionType;
import io.lmcache.cli.bench.Bench;
import io.lmcache.cli.bench.RemoteBench;
import io.lmcache.cli.bench.Report;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code lmcache bench}. */
@Command(
        name = "bench",
        description = {
            "Measures the cache beside the bare work that it cannot do without: digests, memory copies, file reads.",
            "Takes some minutes, and 8 GiB each of memory and of disk."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class BenchCommand implements Callable<Integer> {
    @Option(
            names = "--dir",
            paramLabel = "DIRECTORY",
            defaultValue = "",
            description = "Where the file tier is measured, in a new directory that is deleted afterwards; the current"
                    + " directory unless given.")
    private Path directory = Path.of("");

    @Option(
            names = "--remote",
            paramLabel = "URL",
            description =
                    "Measure the store at that URL, redis://HOST:PORT, and nothing else. What is written there is deleted"
                            + " afterwards; it takes 1 GiB there.")
    private @Nullable String remote;

    @Option(names = "--quick", description = "Do only as much as shows that it works; the numbers say little.")
    private boolean quick;

    @Option(names = "--check", description = "End with status 1 when a target is missed.")
    private boolean check;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Option(
            names = "--report",
            paramLabel = "FILE",
            description = "Write a page with figures, which needs nothing else, to that file as well.")
    private @Nullable Path reportFile;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        if (!Files.isDirectory(directory) || !Files.isWritable(directory)) {
            throw new ParameterException(
                    spec.commandLine(), "--dir: " + directory + " is not a directory that can be written to");
        }
        List<String> childJvm = List.of(Main.class.getName(), BenchProcessCommand.NAME);
        PrintWriter err = spec.commandLine().getErr();
        Bench bench = new Bench(quick, childJvm, step -> err.println("measuring: " + step));
        Report report = remote == null ? bench.run(directory.toAbsolutePath()) : bench.runRemote(url(remote));
        print(report);
        if (reportFile != null) {
            ReportFile.write(new BenchReport(report).page(), reportFile);
        }
        return check && !report.allTargetsMet() ? 1 : 0;
    }

    private URI url(String text) {
        return OptionType.URL
                .parse(text)
                .flatMap(Function.identity())
                .filter(RemoteBench::measures)
                .orElseThrow(() -> new ParameterException(
                        spec.commandLine(),
                        "--remote: what can be measured is a server at redis://HOST:PORT, without TLS and password, not '"
                                + OptionType.withoutPassword(text) + "'"));
    }

    private void print(Report report) throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(report));
        } else {
            BenchTable.print(report, out);
        }
    }
}
