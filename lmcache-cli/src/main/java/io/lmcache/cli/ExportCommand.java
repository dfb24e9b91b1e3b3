package io.lmcache.cli;

import io.lmcache.chunkfiles.convert.CacheConversion;
import io.lmcache.chunkfiles.convert.CacheConversion.Report;
import io.lmcache.chunkfiles.convert.CacheConversion.Request;
import io.lmcache.chunkfiles.inspect.CacheInspection;
import io.lmcache.chunkfiles.inspect.Verification;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lmcache cache export}. */
@Command(
        name = "export",
        description = {
            "Copies chunks, chosen by the options or all, as they are, into another directory or a tar file. PATH may be in"
                    + " use, and is only read. Damaged chunks are named and not copied.",
            "The exit status is 0, 1 when something was not copied that was chosen, 2 for bad input."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class ExportCommand implements Callable<Integer> {
    private static final String TAR = ".tar";

    @Parameters(index = "0", paramLabel = "PATH", description = "The directory to read.")
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private Path source;

    @Parameters(
            index = "1",
            paramLabel = "TARGET",
            description =
                    "The directory to write, created when missing, which may hold chunks; or a new file that ends in"
                            + " .tar.")
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private Path target;

    @Mixin
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private Choice choice;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    @Override
    public Integer call() {
        PrintWriter err = spec.commandLine().getErr();
        try {
            return target.toString().endsWith(TAR) ? toArchive(err) : toDirectory(err);
        } catch (FileAlreadyExistsException e) {
            throw new ParameterException(
                    spec.commandLine(), "'" + e.getFile() + "' is there already; remove it or name another file", e);
        } catch (IOException e) {
            err.println("lmcache: the export stopped: " + e + "; see whether there is room at '" + target + "'");
            return 1;
        }
    }

    private int toArchive(PrintWriter err) throws IOException {
        try (InspectionNotes notes = new InspectionNotes("export", err)) {
            CacheInspection inspection = new CacheInspection(source, notes, Clock.systemUTC());
            try (ChunkArchive archive = new ChunkArchive(target)) {
                Verification exported = inspection.export(choice.chunks(), archive);
                archive.finish();
                report(exported.sound(), exported.bytes(), exported.damaged());
                return exported.isClean() ? 0 : 1;
            }
        }
    }

    private int toDirectory(PrintWriter err) throws IOException {
        Request request = Request.copying(source, target, choice.chunks());
        try (ConvertProgress progress = new ConvertProgress("export", err)) {
            Report copied = CacheConversion.run(request, progress);
            report(copied.converted() + copied.present(), copied.bytes(), copied.refused() + copied.corrupt());
            return copied.isComplete() ? 0 : 1;
        }
    }

    private void report(long chunks, long bytes, long left) {
        spec.commandLine()
                .getOut()
                .println("Exported " + (chunks == 1 ? "1 chunk" : chunks + " chunks") + ", " + bytes + " bytes, from "
                        + source + " to " + target + (left == 0 ? "." : "; " + left + " not copied."));
    }
}
