package io.lmcache.cli;

import io.lmcache.chunkfiles.inspect.CacheUpkeep;
import io.lmcache.chunkfiles.inspect.Removals;
import java.io.IOException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** {@code lmcache cache gc}. */
@Command(
        name = "gc",
        description = {
            "Removes what the cache itself would: what dead writers left, metadata files without a chunk, empty"
                    + " directories, what lay in quarantine for a day; and, with the options below, expired chunks and, as"
                    + " far as room is needed, quarantine and the least recently used chunks.",
            "The exit status is 0, 1 when something was kept that was to go or could not be seen, 2 for bad input."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class CollectCommand extends UpkeepCommand {
    @Option(
            names = "--ttl",
            paramLabel = "TIME",
            description = "How long chunks stay after their last use: 30s, 15m, 12h, 7d; for ever unless given.")
    private @Nullable String timeToLive;

    @Option(
            names = "--max-size",
            paramLabel = "SIZE",
            description = "The most bytes that may stay, such as 200GiB; where there are more, a twentieth less stay.")
    private @Nullable String maxSize;

    @Option(
            names = "--min-free",
            paramLabel = "SIZE",
            description = "The free space that the file system is to have, such as 10GiB.")
    private @Nullable String minFree;

    CollectCommand(Confirmation confirmation) {
        super(confirmation);
    }

    @Override
    void check() {
        var _ = bounds();
    }

    @Override
    Removals run(CacheUpkeep upkeep) throws IOException {
        return upkeep.collect(bounds());
    }

    private CacheUpkeep.Bounds bounds() {
        return new CacheUpkeep.Bounds(
                Choice.time("--ttl", timeToLive, spec()),
                size("--max-size", maxSize, Long.MAX_VALUE),
                size("--min-free", minFree, 0));
    }

    private long size(String option, @Nullable String text, long otherwise) {
        return text == null
                ? otherwise
                : ReplaySize.parse(text)
                        .orElseThrow(() -> new ParameterException(
                                spec().commandLine(),
                                "Option " + option + " is '" + text
                                        + "', allowed are sizes with a unit, such as 512MiB, 64GiB and 1.5TiB"));
    }
}
