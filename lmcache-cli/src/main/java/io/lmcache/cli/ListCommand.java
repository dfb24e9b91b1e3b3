package io.lmcache.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.lmcache.chunkfiles.inspect.CacheInspection;
import io.lmcache.chunkfiles.inspect.ChunkChoice;
import io.lmcache.chunkfiles.inspect.FoundFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lmcache cache ls}. */
@Command(
        name = "ls",
        description = {
            "Lists the chunks of a directory, in the order in which the file system has them. The directory may be in use,"
                    + " and is only read.",
            "The exit status is 0, 1 when a part could not be seen, 2 for bad input."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class ListCommand implements Callable<Integer> {
    private static final String ROW = "%-16s %8s %11s %9s  %-14s %s%n";
    private static final int SHOWN_OF_HASH = 16;

    @Parameters(index = "0", paramLabel = "PATH", description = "The directory to look at.")
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private Path root;

    @Mixin
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private Choice choice;

    @Option(names = "--paths", description = "Print nothing but the paths of the files, below PATH.")
    private boolean paths;

    @Option(names = "--json", description = "Print JSON, a chunk a line.")
    private boolean json;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    private final ObjectMapper mapper = new ObjectMapper();
    private long count;

    @Override
    public Integer call() throws IOException {
        ChunkChoice chunks = choice.chunks();
        PrintWriter out = spec.commandLine().getOut();
        Instant now = Instant.now();
        try (InspectionNotes notes =
                new InspectionNotes("ls", spec.commandLine().getErr())) {
            CacheInspection inspection = new CacheInspection(root, notes, Clock.systemUTC());
            begin(out);
            boolean isComplete = inspection.list(chunks, chunk -> print(chunk, now, out));
            end(out);
            return isComplete ? 0 : 1;
        }
    }

    private void begin(PrintWriter out) {
        if (json) {
            out.print("[");
        } else if (!paths) {
            out.printf(ROW, "hash", "tokens", "on disk", "used", "format", "model");
        }
    }

    private void print(FoundFile chunk, Instant now, PrintWriter out) throws IOException {
        String hash = chunk.key().hash().hex();
        if (json) {
            out.print((count == 0 ? "\n" : ",\n") + mapper.writeValueAsString(fields(chunk)));
        } else if (paths) {
            out.println(chunk.path());
        } else {
            out.printf(
                    ROW,
                    hash.substring(0, Math.min(SHOWN_OF_HASH, hash.length())),
                    chunk.tokens(),
                    Quantities.bytes(chunk.bytes()),
                    Quantities.age(Duration.between(chunk.lastUse(), now)),
                    format(chunk),
                    chunk.key().scope().model());
        }
        count++;
    }

    private void end(PrintWriter out) {
        if (json) {
            out.println("\n]");
        }
    }

    private static String format(FoundFile chunk) {
        return chunk.format().name().toLowerCase(Locale.ROOT);
    }

    private static Map<String, Object> fields(FoundFile chunk) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("hash", chunk.key().hash().hex());
        fields.put("model", chunk.key().scope().model());
        fields.put("rank", chunk.key().scope().rank());
        fields.put("tokens", chunk.tokens());
        fields.put("bytes", chunk.bytes());
        fields.put("lastUse", chunk.lastUse().toString());
        fields.put("format", format(chunk));
        fields.put("path", chunk.path());
        return fields;
    }
}
