package io.lmcache.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.lmcache.chunkfiles.inspect.CacheInspection;
import io.lmcache.chunkfiles.inspect.Verification;
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

/** {@code lmcache cache verify}. */
@Command(
        name = "verify",
        description = {
            "Reads all chunks, and checks their name, header, length and, where they have one, checksum. Damaged ones are"
                    + " named and stay where they are. The directory may be in use, and is only read.",
            "The exit status is 0 when all is sound, 1 when something is damaged or could not be seen, 2 for bad input."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class VerifyCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "PATH", description = "The directory to check.")
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private Path root;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        Verification found = verify();
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(fields(found)));
        } else {
            out.println("Checked " + found.bytes() + " bytes: " + found.sound() + " chunks sound, " + found.damaged()
                    + " damaged" + (found.isComplete() ? "." : "; a part could not be seen."));
        }
        return found.isClean() ? 0 : 1;
    }

    private Verification verify() throws IOException {
        try (InspectionNotes notes =
                new InspectionNotes("verify", spec.commandLine().getErr())) {
            return new CacheInspection(root, notes, Clock.systemUTC()).verify();
        }
    }

    private static Map<String, Object> fields(Verification found) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("sound", found.sound());
        fields.put("damaged", found.damaged());
        fields.put("bytes", found.bytes());
        fields.put("complete", found.isComplete());
        return fields;
    }
}
