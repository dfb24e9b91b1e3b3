package io.lmcache.chunkfiles.inspect;

import io.lmcache.api.ChunkKey;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * Which chunks are meant. Immutable and thread-safe.
 *
 * @param model the model whose they are; empty for all
 * @param hashPrefix what their hash, in hex, begins with; empty for all
 * @param unusedFor how long they have not been used at least; zero for all
 */
public record ChunkChoice(Optional<String> model, String hashPrefix, Duration unusedFor) {
    /** All of them. */
    public static final ChunkChoice ALL = new ChunkChoice(Optional.empty(), "", Duration.ZERO);

    /** Whether these are all that there are, known or not. */
    public boolean isAll() {
        return equals(ALL);
    }

    /** Whether a chunk that was used last at that time is one of them. */
    public boolean includes(ChunkKey key, Instant lastUse, Instant now) {
        return model.map(key.scope().model()::equals).orElse(true)
                && key.hash().hex().startsWith(hashPrefix)
                && (unusedFor.isZero() || !lastUse.isAfter(now.minus(unusedFor)));
    }
}
