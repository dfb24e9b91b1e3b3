package io.lmcache.chunkfiles.directory;

import io.lmcache.api.spi.ChunkPin;
import io.lmcache.reliability.Orders;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jetbrains.lincheck.datastructures.Operation;
import org.junit.jupiter.api.Test;

/** A chunk is pinned or being removed, never both, in whatever order threads come. */
public class PinsLincheckTest {
    private static final String CHUNK = "chunk";

    private final Pins pins = new Pins(() -> {});
    private final Deque<ChunkPin> held = new ArrayDeque<>();
    private final AtomicBoolean removing = new AtomicBoolean();

    @Operation
    public boolean pin() {
        Optional<ChunkPin> pin = pins.tryPin(CHUNK);
        synchronized (held) {
            pin.ifPresent(held::add);
        }
        return pin.isPresent();
    }

    @Operation
    public boolean unpin() {
        ChunkPin pin;
        synchronized (held) {
            pin = held.poll();
        }
        if (pin == null) {
            return false;
        }
        pin.close();
        return true;
    }

    @Operation
    public boolean beginRemoval() {
        boolean begun = pins.tryBeginRemoval(CHUNK);
        if (begun) {
            removing.set(true);
        }
        return begun;
    }

    @Operation
    public boolean endRemoval() {
        boolean ended = removing.compareAndSet(true, false);
        if (ended) {
            pins.endRemoval(CHUNK);
        }
        return ended;
    }

    @Test
    void everyOrderIsAsIfOneCallCameAfterTheOther() {
        Orders.check(getClass());
    }
}
