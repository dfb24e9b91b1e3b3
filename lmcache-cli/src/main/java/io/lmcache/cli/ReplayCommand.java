package io.lmcache.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.lmcache.cli.replay.Drive;
import io.lmcache.cli.replay.DriveResult;
import io.lmcache.cli.replay.Outcome;
import io.lmcache.cli.replay.ReplayModel;
import io.lmcache.cli.replay.ReplayPolicy;
import io.lmcache.cli.replay.Simulation;
import io.lmcache.cli.replay.Trace;
import io.lmcache.cli.replay.TraceReader;
import io.lmcache.core.Lmcache;
import io.lmcache.core.config.LmcacheConfig;
import io.lmcache.core.engine.LmcacheStack;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lmcache replay}. */
@Command(
        name = "replay",
        description = {
            "Tells what a cache would bring: replays traces of requests, of Mooncake or WEKA, against simulated tiers of"
                    + " every size and with every policy named, beside a cache without a limit and the optimal policy.",
            "Several traces are replayed as one, in the order of time; they share no blocks."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class ReplayCommand implements Callable<Integer> {
    @Parameters(arity = "1..*", paramLabel = "TRACE", description = "The files to replay.")
    private List<Path> files = List.of();

    @Option(
            names = "--host",
            split = ",",
            paramLabel = "SIZE",
            defaultValue = "64GiB,256GiB,1TiB,4TiB",
            description = "Sizes of the host tier, with commas in between; ${DEFAULT-VALUE} unless given.")
    private List<String> hostSizes = List.of();

    @Option(
            names = "--file",
            paramLabel = "SIZE",
            description = "The size of a file tier below it, which evicts by LRU; none unless given.")
    private @Nullable String fileSize;

    @Option(
            names = "--policy",
            split = ",",
            paramLabel = "POLICY",
            defaultValue = "lru,lfu,fifo,mru,w-tinylfu,s3-fifo,optimum",
            description = "Policies of the host tier, with commas in between; ${DEFAULT-VALUE} unless given.")
    private List<String> policyNames = List.of();

    @Option(
            names = "--model",
            paramLabel = "MODEL",
            defaultValue = "llama-3.1-8b",
            description =
                    "Whose KV it is: llama-3.1-8b, llama-3.1-70b or qwen-2.5-0.5b; ${DEFAULT-VALUE} unless given.")
    private String modelName = "";

    @Option(
            names = "--gpu-tflops",
            paramLabel = "N",
            defaultValue = "400",
            description = "What the GPU does in prefill, in 10^12 floating point operations a second; ${DEFAULT-VALUE}"
                    + " unless given.")
    private double gpuTeraflops;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Option(
            names = "--drive",
            description =
                    "Send real payload, of the model's KV size, through the configured stack as well, and check every"
                            + " byte that comes back; the exit status is 1 when one is wrong.")
    private boolean isDriven;

    @Option(
            names = "--requests",
            paramLabel = "N",
            defaultValue = "2147483647",
            description = "Drive only the first so many requests.")
    private int requests;

    @Option(
            names = "--speed",
            paramLabel = "X",
            defaultValue = "0",
            description =
                    "How fast the trace's time goes by: 1 as it was, 10 ten times as fast; 0, the default, waits for"
                            + " nothing.")
    private double speed;

    @Option(
            names = "--report",
            paramLabel = "FILE",
            description = "Write a page with figures, which needs nothing else, to that file as well.")
    private @Nullable Path report;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        ReplayModel model = named("--model", modelName, ReplayModel.values());
        List<ReplayPolicy> policies = policyNames.stream()
                .map(name -> named("--policy", name, ReplayPolicy.values()))
                .toList();
        if (!(gpuTeraflops > 0)) {
            throw bad("--gpu-tflops", String.valueOf(gpuTeraflops), "numbers above 0");
        }
        List<Long> sizes = hostSizes.stream().map(text -> bytes("--host", text)).toList();
        long fileBytes = fileSize == null ? 0 : bytes("--file", fileSize);

        if (requests < 1) {
            throw bad("--requests", String.valueOf(requests), "whole numbers from 1");
        }
        if (!(speed >= 0)) {
            throw bad("--speed", String.valueOf(speed), "numbers from 0");
        }
        Trace trace = TraceReader.read(files);
        long blockBytes = trace.blockTokens() * model.bytesPerToken();
        List<ReplayTable.Row> rows = new ArrayList<>();
        for (int i = 0; i < sizes.size(); i++) {
            for (ReplayPolicy policy : policies) {
                int hostBlocks = blocks("--host", hostSizes.get(i), sizes.get(i), blockBytes, trace);
                int fileBlocks = fileSize == null ? 0 : blocks("--file", fileSize, fileBytes, blockBytes, trace);
                Outcome outcome = Simulation.run(trace, policy, hostBlocks, fileBlocks);
                rows.add(row(policy.toString(), hostSizes.get(i), outcome, model));
            }
        }
        rows.add(row("infinite", "no limit", Simulation.infinite(trace), model));
        ReplayTable table = new ReplayTable(trace, model, gpuTeraflops, blockBytes, rows);
        Optional<DriveTable> drive = isDriven ? Optional.of(new DriveTable(drive(trace, model))) : Optional.empty();
        print(table, drive);
        if (report != null) {
            ReportFile.write(new ReplayReport(table, drive).page(), report);
        }
        return drive.isPresent() && drive.get().result().damagedChunks() > 0 ? 1 : 0;
    }

    private ReplayTable.Row row(String policy, String size, Outcome outcome, ReplayModel model) {
        return new ReplayTable.Row(policy, size, outcome, model.prefillSeconds(outcome, gpuTeraflops * 1e12));
    }

    private long bytes(String option, String text) {
        return ReplaySize.parse(text)
                .orElseThrow(() -> bad(option, text, "sizes with a unit, such as 512MiB, 64GiB and 1.5TiB"));
    }

    /** How many blocks fit; no more than there are, of which a tier that holds all never evicts. */
    private int blocks(String option, String text, long bytes, long blockBytes, Trace trace) {
        if (bytes < blockBytes) {
            throw bad(option, text, "sizes that hold a block, of " + blockBytes + " bytes");
        }
        return (int) Math.min(bytes / blockBytes, Math.max(1, trace.distinctBlocks()));
    }

    private <E extends Enum<E>> E named(String option, String text, E[] values) {
        for (E value : values) {
            if (value.toString().equalsIgnoreCase(text.strip())) {
                return value;
            }
        }
        List<String> names = new ArrayList<>();
        for (E value : values) {
            names.add(value.toString());
        }
        throw bad(option, text, String.join(", ", names));
    }

    private ParameterException bad(String option, String text, String allowed) {
        return new ParameterException(
                spec.commandLine(), "Option " + option + " is '" + text + "', allowed are " + allowed);
    }

    private DriveResult drive(Trace trace, ReplayModel model) {
        int driven = Math.min(requests, trace.requests());
        Optional<ProgressDisplay> display =
                ProgressDisplay.isWatched() ? Optional.of(new ProgressDisplay("drive", driven)) : Optional.empty();
        try (LmcacheStack stack = Lmcache.open(LmcacheConfig.load())) {
            return new Drive(trace, model, stack, driven, speed, _ -> display.ifPresent(bar -> bar.advance("", 1)))
                    .run();
        } finally {
            display.ifPresent(ProgressDisplay::close);
        }
    }

    private void print(ReplayTable table, Optional<DriveTable> drive) throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            Map<String, Object> values = new LinkedHashMap<>(table.values());
            drive.ifPresent(driven -> values.put("drive", driven.values()));
            out.println(new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(values));
        } else {
            table.print(out);
            drive.ifPresent(driven -> {
                out.println();
                driven.print(out);
            });
        }
    }
}
