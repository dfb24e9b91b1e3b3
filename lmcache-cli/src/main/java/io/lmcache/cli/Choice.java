package io.lmcache.cli;

import io.lmcache.chunkfiles.inspect.ChunkChoice;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;

/** The options that say which chunks of a directory are meant. */
final class Choice {
    private static final Pattern HEX = Pattern.compile("[0-9a-f]{1,128}");

    @Option(names = "--model", paramLabel = "NAME", description = "Only chunks of that model.")
    private @Nullable String model;

    @Option(
            names = "--prefix",
            paramLabel = "HEX",
            description = "Only chunks whose hash begins so; a whole hash names one chunk of each model and rank.")
    private @Nullable String prefix;

    @Option(
            names = "--unused-for",
            paramLabel = "TIME",
            description = "Only chunks that were used last so long ago or longer: 30s, 15m, 12h, 7d.")
    private @Nullable String unusedFor;

    @Spec(Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private CommandSpec spec;

    ChunkChoice chunks() {
        return new ChunkChoice(Optional.ofNullable(model), hashPrefix(), time("--unused-for", unusedFor, spec));
    }

    private String hashPrefix() {
        if (prefix == null) {
            return "";
        }
        String hex = prefix.strip().toLowerCase(Locale.ROOT);
        if (!HEX.matcher(hex).matches()) {
            throw new ParameterException(
                    spec.commandLine(), "Option --prefix is '" + prefix + "', allowed are hexadecimal digits");
        }
        return hex;
    }

    /** The time that an option has, zero when it is not given. */
    static Duration time(String option, @Nullable String text, CommandSpec spec) {
        return text == null
                ? Duration.ZERO
                : Quantities.time(text)
                        .orElseThrow(() -> new ParameterException(
                                spec.commandLine(),
                                "Option " + option + " is '" + text
                                        + "', allowed are times such as 30s, 15m, 12h, 7d"));
    }
}
