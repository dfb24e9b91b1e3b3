package io.lmcache.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.lmcache.chunkfiles.inspect.Amount;
import io.lmcache.chunkfiles.inspect.CacheUpkeep;
import io.lmcache.chunkfiles.inspect.Removals;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** A command that removes files from a cache directory: it shows what would go, asks, and does it. */
abstract class UpkeepCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "PATH", description = "The directory, which may be in use.")
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private Path root;

    @Option(
            names = {"-n", "--dry-run"},
            description = "Tell what would be removed, and remove nothing.")
    private boolean isDry;

    @Option(
            names = {"-y", "--yes"},
            description = "Do not ask.")
    private boolean isSure;

    @Option(names = "--list", description = "Name each file.")
    private boolean isList;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    private final Confirmation confirmation;

    UpkeepCommand(Confirmation confirmation) {
        this.confirmation = confirmation;
    }

    /** Checks the options; throws {@link ParameterException}. */
    void check() {}

    abstract Removals run(CacheUpkeep upkeep) throws IOException;

    final CommandSpec spec() {
        return spec;
    }

    @Override
    public final Integer call() throws IOException {
        if (json && isList) {
            throw new ParameterException(spec.commandLine(), "Options --json and --list exclude each other");
        }
        check();
        if (isDry) {
            return show(look(isList), "would be removed");
        }
        if (!isSure) {
            Removals planned = look(isList);
            if (planned.total().files() == 0) {
                return show(planned, "removed");
            }
            if (!json) {
                show(planned, "would be removed");
            }
            if (!isAllowed(planned)) {
                spec.commandLine().getErr().println("lmcache: nothing was removed");
                return 1;
            }
        }
        return show(remove(), "removed");
    }

    private boolean isAllowed(Removals planned) throws IOException {
        Amount total = planned.total();
        Optional<Boolean> answer = confirmation.ask(
                "Remove " + total.files() + " files, " + Quantities.bytes(total.bytes()) + ", from " + root + "?",
                spec.commandLine().getErr());
        return answer.orElseThrow(() -> new ParameterException(
                spec.commandLine(),
                "Nobody is there to be asked, so nothing was removed; give --yes to remove, or --dry-run to look"));
    }

    private Removals look(boolean isListed) throws IOException {
        try (InspectionNotes notes = notes(isListed);
                CacheUpkeep upkeep = CacheUpkeep.dry(root, notes, Clock.systemUTC())) {
            return run(upkeep);
        }
    }

    private Removals remove() throws IOException {
        // What was listed before it was asked needs no second list.
        try (InspectionNotes notes = notes(isList && isSure);
                CacheUpkeep upkeep = CacheUpkeep.of(root, notes, Clock.systemUTC())) {
            return run(upkeep);
        }
    }

    private InspectionNotes notes(boolean isListed) {
        InspectionNotes notes =
                new InspectionNotes(spec.name(), spec.commandLine().getErr());
        return isListed ? notes.listing(spec.commandLine().getOut()) : notes;
    }

    private int show(Removals removals, String verb) throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(fields(removals)));
        } else {
            print(removals, verb, out);
        }
        return removals.isClean() ? 0 : 1;
    }

    private static void print(Removals removals, String verb, PrintWriter out) {
        out.println(AmountTable.HEADER);
        removals.amounts().forEach((reason, amount) -> AmountTable.print(amount, reason.text(), out));
        AmountTable.print(removals.total(), "in total, " + verb, out);
        if (removals.kept().files() > 0) {
            AmountTable.print(removals.kept(), "kept: could not be removed, or used meanwhile", out);
        }
        if (!removals.isComplete()) {
            out.println("A part could not be seen.");
        }
    }

    private Map<String, Object> fields(Removals removals) {
        Map<String, Object> amounts = new LinkedHashMap<>();
        removals.amounts()
                .forEach((reason, amount) ->
                        amounts.put(reason.name().toLowerCase(Locale.ROOT), AmountTable.fields(amount)));
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("dryRun", isDry);
        fields.put("reasons", amounts);
        fields.put("total", AmountTable.fields(removals.total()));
        fields.put("kept", AmountTable.fields(removals.kept()));
        fields.put("complete", removals.isComplete());
        return fields;
    }
}
