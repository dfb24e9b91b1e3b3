package io.lmcache.api.engine;

import io.lmcache.api.spi.ChunkPin;
import java.util.List;

/**
 * A prefix that this instance does not evict until {@link #close()}. Other processes that share a directory may.
 *
 * <p>Thread-safe.
 */
public final class PinnedPrefix implements AutoCloseable {
    private final int tokens;
    private final List<ChunkPin> pins;

    /** A prefix of so many tokens that these pins keep; they belong to it from here on. */
    public PinnedPrefix(int tokens, List<ChunkPin> pins) {
        this.tokens = tokens;
        this.pins = List.copyOf(pins);
    }

    /** The tokens of the pinned prefix. */
    public int tokens() {
        return tokens;
    }

    /** Lets the prefix be evicted again. Idempotent. */
    @Override
    public void close() {
        pins.forEach(ChunkPin::close);
    }

    @Override
    public String toString() {
        return "PinnedPrefix[tokens=" + tokens + "]";
    }
}
