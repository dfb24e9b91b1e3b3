package io.lmcache.cli;

import io.lmcache.chunkfiles.convert.CacheConversion;
import io.lmcache.chunkfiles.convert.CacheConversion.Report;
import io.lmcache.chunkfiles.convert.CacheConversion.Request;
import io.lmcache.chunkfiles.format.FileFormat;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lmcache cache convert}. */
@Command(
        name = "convert",
        description = {
            "Copies the chunks of one directory into another, as files of another format. SRC is only read. What is in DST"
                    + " already, and is the same, is left alone, so a conversion that was stopped goes on when it is run"
                    + " again. Everything written is read back.",
            "Chunks keep their hash: it is made of tokens, which files do not hold. A chunk whose hash is of an algorithm"
                    + " that the other format's readers do not use is not carried over.",
            "The exit status is 0 when DST has all chunks of SRC, 1 when not, 2 for bad input."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class ConvertCommand implements Callable<Integer> {
    private static final String FORMATS = "native, lmcache_0_3_2 or lmcache_0_5";

    @Parameters(index = "0", paramLabel = "SRC", description = "The directory to read.")
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private Path source;

    @Parameters(index = "1", paramLabel = "DST", description = "The directory to write; created when missing.")
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private Path target;

    @Option(
            names = "--to",
            required = true,
            paramLabel = "FORMAT",
            description = "The format to write: " + FORMATS + ".")
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private String to;

    @Option(
            names = "--from",
            defaultValue = "auto",
            paramLabel = "FORMAT",
            description = "The only format to read: " + FORMATS + "; auto, the default, reads all that there are.")
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private String from;

    @Option(
            names = "--hash",
            paramLabel = "ALGORITHM",
            description =
                    "Which algorithm the 64-bit hashes in SRC are of, builtin or sha256_cbor, where SRC is native and"
                            + " does not say it.")
    private @Nullable String hash;

    @Option(
            names = "--kv-heads",
            paramLabel = "N",
            description = "How many KV heads a rank has, where SRC is of LMCache and does not say it.")
    private @Nullable Integer kvHeads;

    @Option(
            names = "--no-checksum",
            description = "Write files of LMCache's formats as LMCache does to the byte, without a checksum.")
    private boolean noChecksum;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    @Override
    public Integer call() {
        Request request = request();
        PrintWriter err = spec.commandLine().getErr();
        try {
            Report report = run(request, err);
            print(report);
            return report.isComplete() ? 0 : 1;
        } catch (IOException e) {
            err.println("lmcache: the conversion stopped: " + e.getMessage()
                    + "; what was converted stays, and running it again goes on from there");
            return 1;
        }
    }

    private static Report run(Request request, PrintWriter err) throws IOException {
        try (ConvertProgress progress = new ConvertProgress("convert", err)) {
            return CacheConversion.run(request, progress);
        }
    }

    private Request request() {
        return Request.converting(
                source,
                target,
                from.equalsIgnoreCase("auto") ? Optional.empty() : Optional.of(format("--from", from)),
                format("--to", to),
                !noChecksum,
                Optional.ofNullable(hash).map(this::isSigned),
                kvHeads());
    }

    private FileFormat format(String option, String text) {
        for (FileFormat format : FileFormat.values()) {
            if (format.name().equalsIgnoreCase(text)) {
                return format;
            }
        }
        throw bad(option, text, FORMATS + (option.equals("--from") ? ", or auto" : ""));
    }

    private boolean isSigned(String algorithm) {
        return switch (algorithm.toLowerCase(Locale.ROOT)) {
            case "builtin" -> true;
            case "sha256_cbor" -> false;
            default -> throw bad("--hash", algorithm, "builtin and sha256_cbor");
        };
    }

    private OptionalInt kvHeads() {
        if (kvHeads == null) {
            return OptionalInt.empty();
        }
        if (kvHeads < 1) {
            throw bad("--kv-heads", kvHeads.toString(), "whole numbers from 1");
        }
        return OptionalInt.of(kvHeads);
    }

    private ParameterException bad(String option, String text, String allowed) {
        return new ParameterException(
                spec.commandLine(), "Option " + option + " is '" + text + "', allowed are " + allowed);
    }

    private void print(Report report) {
        PrintWriter out = spec.commandLine().getOut();
        out.println("Converted " + chunks(report.converted()) + " of " + report.bytes() + " bytes from " + source
                + " to " + target + ", " + to.toLowerCase(Locale.ROOT) + ".");
        printUnlessZero(report.present(), "there already, the same", out);
        printUnlessZero(report.refused(), "not carried over, which the target cannot express", out);
        printUnlessZero(report.corrupt(), "not carried over, corrupt or unknown", out);
    }

    private static void printUnlessZero(long count, String what, PrintWriter out) {
        if (count > 0) {
            out.println(chunks(count) + " " + what + ".");
        }
    }

    private static String chunks(long count) {
        return count == 1 ? "1 chunk" : count + " chunks";
    }
}
