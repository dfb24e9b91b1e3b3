package io.lmcache.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.lmcache.chunkfiles.inspect.CacheInspection;
import io.lmcache.chunkfiles.inspect.DiskUse;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Clock;
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
            return new CacheInspection(root, notes, Clock.systemUTC()).diskUse();
        }
    }

    static void print(DiskUse use, PrintWriter out) {
        out.println(AmountTable.HEADER);
        use.models().forEach((model, amount) -> AmountTable.print(amount, model, out));
        AmountTable.print(use.unknown(), "(chunks of no known model)", out);
        AmountTable.print(use.metadata(), "(metadata files)", out);
        AmountTable.print(use.quarantine(), "(quarantine)", out);
        AmountTable.print(use.temporaries(), "(being written)", out);
        AmountTable.print(use.total(), "total", out);
        AmountTable.print(use.leftovers(), "(left over, not in the total)", out);
    }

    static Map<String, Object> fields(DiskUse use) {
        Map<String, Object> models = new LinkedHashMap<>();
        use.models().forEach((model, amount) -> models.put(model, AmountTable.fields(amount)));
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("models", models);
        fields.put("unknown", AmountTable.fields(use.unknown()));
        fields.put("metadata", AmountTable.fields(use.metadata()));
        fields.put("quarantine", AmountTable.fields(use.quarantine()));
        fields.put("temporaries", AmountTable.fields(use.temporaries()));
        fields.put("total", AmountTable.fields(use.total()));
        fields.put("leftovers", AmountTable.fields(use.leftovers()));
        fields.put("complete", use.isComplete());
        return fields;
    }
}
