package io.lmcache.chunkfiles.inspect;

import io.lmcache.chunkfiles.directory.RootAccount;
import io.lmcache.chunkfiles.format.FileFormat;
import java.util.Optional;
import java.util.SortedMap;

/**
 * What lies in one chunk directory and takes room. Immutable.
 *
 * @param models the chunks of each model, by its name
 * @param ages the same chunks by their last use
 * @param formats the same chunks by the format of their files
 * @param unknown chunk files whose header does not tell the model
 * @param metadata the metadata files beside chunks of LMCache
 * @param quarantine what failed its check and was taken away from readers
 * @param temporaries what is being written
 * @param leftovers what writers had not published when they died, and metadata files whose chunk is gone; not part of the
 *     total, since the next janitor removes it
 * @param writers how many writers are alive, or may be
 * @param deadWriters how many have died and not been cleared away
 * @param account what the writers on this machine count; empty while there are none
 * @param isComplete whether all could be seen, but for what is another user's
 */
public record DiskUse(
        SortedMap<String, Amount> models,
        SortedMap<Age, Amount> ages,
        SortedMap<FileFormat, Amount> formats,
        Amount unknown,
        Amount metadata,
        Amount quarantine,
        Amount temporaries,
        Amount leftovers,
        long writers,
        long deadWriters,
        Optional<RootAccount> account,
        boolean isComplete) {
    /** What a limit of the directory's size counts. */
    public Amount total() {
        return models.values().stream()
                .reduce(Amount.NONE, Amount::plus)
                .plus(unknown)
                .plus(metadata)
                .plus(quarantine)
                .plus(temporaries);
    }
}
