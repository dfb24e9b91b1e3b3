package io.lmcache.server;

import io.lmcache.server.protocol.Reason;
import java.util.concurrent.CompletableFuture;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Memory of an engine that is mapped as long as its session wants it, and as it is used. Thread-safe. */
abstract class Registration {
    private static final Logger LOG = LoggerFactory.getLogger(Registration.class);

    private final CompletableFuture<Void> unmapped = new CompletableFuture<>();
    // The fields below are guarded by this.
    private int uses;
    private boolean retired;

    abstract long mappedBytes();

    /** Unmaps the memory. Called once, when nothing uses it any more. */
    abstract void close();

    /** Keeps the memory mapped until {@link #endUse()}. */
    final synchronized void beginUse() {
        if (retired) {
            throw new Refusal(Reason.UNKNOWN_KV_CACHE, "The KV cache was unregistered just now");
        }
        uses++;
    }

    final void endUse() {
        boolean last;
        synchronized (this) {
            uses--;
            last = retired && uses == 0;
        }
        if (last) {
            unmap();
        }
    }

    /** Whether it was let go; transfers under way had better end. */
    final synchronized boolean isRetired() {
        return retired;
    }

    /**
     * Refuses new transfers. Idempotent.
     *
     * @return completes when the last transfer is done and the memory is unmapped
     */
    final CompletableFuture<Void> retire() {
        boolean idle;
        synchronized (this) {
            idle = !retired && uses == 0;
            retired = true;
        }
        if (idle) {
            unmap();
        }
        return unmapped;
    }

    private void unmap() {
        try {
            close();
            unmapped.complete(null);
        } catch (RuntimeException e) {
            // Often nobody waits: the client is gone.
            LOG.warn("Memory of {} was not let go", this, e);
            unmapped.completeExceptionally(e);
        }
    }
}
