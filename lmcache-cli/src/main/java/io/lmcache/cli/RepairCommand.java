package io.lmcache.cli;

import io.lmcache.chunkfiles.inspect.CacheUpkeep;
import io.lmcache.chunkfiles.inspect.Removals;
import java.io.IOException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code lmcache cache repair}. */
@Command(
        name = "repair",
        description = {
            "Reads all chunks as verify does, takes the damaged ones away from readers, and removes what dead writers left,"
                    + " metadata files without a chunk and empty directories.",
            "The exit status is 0, 1 when something was kept that was to go or could not be seen, 2 for bad input."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Version.class)
final class RepairCommand extends UpkeepCommand {
    @Option(names = "--remove", description = "Remove damaged chunks; unless given, they go to quarantine.")
    private boolean remove;

    RepairCommand(Confirmation confirmation) {
        super(confirmation);
    }

    @Override
    Removals run(CacheUpkeep upkeep) throws IOException {
        return upkeep.repair(remove);
    }
}
