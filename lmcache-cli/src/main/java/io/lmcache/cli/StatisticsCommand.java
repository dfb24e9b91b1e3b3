package io.lmcache.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.lmcache.chunkfiles.directory.RootAccount;
import io.lmcache.chunkfiles.inspect.Age;
import io.lmcache.chunkfiles.inspect.Amount;
import io.lmcache.chunkfiles.inspect.CacheInspection;
import io.lmcache.chunkfiles.inspect.DiskUse;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lmcache cache stat}. */
@Command(
        name = "stat",
        description = {
            "Tells what lies in a directory: by model, by last use and by format; what is in quarantine, being written and"
                    + " left over; who writes there, and what they count. The directory may be in use, and is only read.",
            "The exit status is 0, 1 when a part could not be seen, 2 for bad input."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class StatisticsCommand implements Callable<Integer> {
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
                new InspectionNotes("stat", spec.commandLine().getErr())) {
            return new CacheInspection(root, notes, Clock.systemUTC()).diskUse();
        }
    }

    private static void print(DiskUse use, PrintWriter out) {
        DiskUseCommand.print(use, out);
        out.printf("%n%s%n", AmountTable.HEADER + "  last use of chunks");
        use.ages().forEach((age, amount) -> AmountTable.print(amount, age.text(), out));
        out.printf("%n%s%n", AmountTable.HEADER + "  format of chunks");
        use.formats().forEach((format, amount) -> AmountTable.print(amount, lower(format), out));
        out.printf("%nWriters  %d alive, %d dead%n", use.writers(), use.deadWriters());
        use.account().ifPresent(account -> print(account, out));
    }

    private static void print(RootAccount account, PrintWriter out) {
        String stored =
                account.isMeasured() ? account.stored() + " bytes stored" : "not measured, since without a limit";
        out.printf("Budget   by the writers on this machine: %s, %d bytes being written%n", stored, account.reserved());
    }

    private static String lower(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT);
    }

    private static Map<String, Object> fields(DiskUse use) {
        Map<String, Object> fields = DiskUseCommand.fields(use);
        fields.put("ages", fields(use.ages()));
        fields.put("formats", fields(use.formats()));
        fields.put("writers", use.writers());
        fields.put("deadWriters", use.deadWriters());
        use.account().ifPresent(account -> fields.put("account", fields(account)));
        return fields;
    }

    private static Map<String, Object> fields(RootAccount account) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("measured", account.isMeasured());
        fields.put("stored", account.stored());
        fields.put("reserved", account.reserved());
        fields.put("writers", account.writers());
        return fields;
    }

    private static Map<String, Object> fields(Map<? extends Enum<?>, Amount> amounts) {
        Map<String, Object> fields = new LinkedHashMap<>();
        amounts.forEach((key, amount) -> fields.put(name(key), AmountTable.fields(amount)));
        return fields;
    }

    private static String name(Enum<?> key) {
        return key instanceof Age age ? age.text() : lower(key);
    }
}
