package io.lmcache.chunkfiles.directory;

import io.lmcache.api.spi.ChunkPin;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;

/** Which chunks are pinned, and which are being removed: never both. Thread-safe. */
final class Pins {
    private static final int REMOVING = -1;

    private final ConcurrentHashMap<String, Integer> pins = new ConcurrentHashMap<>();
    private final Runnable whenUnpinned;

    /** No pins; what is to be done whenever one is closed. */
    Pins(Runnable whenUnpinned) {
        this.whenUnpinned = whenUnpinned;
    }

    /** A pin on the chunk; empty while it is being removed. */
    Optional<ChunkPin> tryPin(String name) {
        int count = pins.merge(name, 1, (before, one) -> before == REMOVING ? REMOVING : before + one);
        return count == REMOVING ? Optional.empty() : Optional.of(new Pin(name));
    }

    /** Whether the chunk may be removed now; if so, the caller has to call {@link #endRemoval} next. */
    boolean tryBeginRemoval(String name) {
        return pins.putIfAbsent(name, REMOVING) == null;
    }

    void endRemoval(String name) {
        pins.remove(name);
    }

    private void unpin(String name) {
        pins.computeIfPresent(name, (_, count) -> count == 1 ? null : count - 1);
        whenUnpinned.run();
    }

    private final class Pin implements ChunkPin {
        private final String name;
        private final AtomicBoolean closed = new AtomicBoolean();

        private Pin(String name) {
            this.name = name;
        }

        @Override
        public void close() {
            if (closed.compareAndSet(false, true)) {
                unpin(name);
            }
        }
    }
}
