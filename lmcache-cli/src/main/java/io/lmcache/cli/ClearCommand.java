package io.lmcache.cli;

import io.lmcache.chunkfiles.inspect.CacheUpkeep;
import io.lmcache.chunkfiles.inspect.Removals;
import java.io.IOException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code lmcache cache clear}. */
@Command(
        name = "clear",
        description = {
            "Removes chunks: those chosen by the options, or all, and then the quarantine as well. Engines that use the"
                    + " directory miss them and go on.",
            "The exit status is 0, 1 when something was kept that was to go or could not be seen, 2 for bad input."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class ClearCommand extends UpkeepCommand {
    @Mixin
    @SuppressWarnings("NullAway.Init") // picocli sets it.
    private Choice choice;

    ClearCommand(Confirmation confirmation) {
        super(confirmation);
    }

    @Override
    void check() {
        var _ = choice.chunks();
    }

    @Override
    Removals run(CacheUpkeep upkeep) throws IOException {
        return upkeep.clear(choice.chunks());
    }
}
