package io.lmcache.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.lmcache.chunkfiles.inspect.CacheInspection;
import io.lmcache.chunkfiles.inspect.DiskUse;
import io.lmcache.chunkfiles.inspect.DiskUse.Amount;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lmcache cache du}. */
@Command(
        name = "du",
        description = {
            "Tells what the chunks of each model take of the disk. The total is what a limit of the directory's size"
                    + " counts. The directory may be in use, and is only read.",
            "The exit status is 0, 1 when a part could not be seen, 2 for bad input."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class DiskUseCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "PATH", description = "The directory to look at.")
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private Path root;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        DiskUse use = look();
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(fields(use)));
        } else {
            print(use, out);
        }
        return use.isComplete() ? 0 : 1;
    }

    private DiskUse look() throws IOException {
        try (InspectionNotes notes =
                new InspectionNotes("du", spec.commandLine().getErr())) {
            return new CacheInspection(root, notes).diskUse();
        }
    }

    private static void print(DiskUse use, PrintWriter out) {
        out.printf("%10s %16s%n", "files", "bytes");
        use.models().forEach((model, amount) -> print(amount, model, out));
        print(use.unknown(), "(chunks of no known model)", out);
        print(use.metadata(), "(metadata files)", out);
        print(use.quarantine(), "(quarantine)", out);
        print(use.total(), "total", out);
        print(use.temporaries(), "(temporaries, not in the total)", out);
    }

    private static void print(Amount amount, String what, PrintWriter out) {
        out.printf("%10d %16d  %s%n", amount.files(), amount.bytes(), what);
    }

    private static Map<String, Object> fields(DiskUse use) {
        Map<String, Object> models = new LinkedHashMap<>();
        use.models().forEach((model, amount) -> models.put(model, fields(amount)));
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("models", models);
        fields.put("unknown", fields(use.unknown()));
        fields.put("metadata", fields(use.metadata()));
        fields.put("quarantine", fields(use.quarantine()));
        fields.put("total", fields(use.total()));
        fields.put("temporaries", fields(use.temporaries()));
        fields.put("complete", use.isComplete());
        return fields;
    }

    private static Map<String, Long> fields(Amount amount) {
        Map<String, Long> fields = new LinkedHashMap<>();
        fields.put("files", amount.files());
        fields.put("bytes", amount.bytes());
        return fields;
    }
}
