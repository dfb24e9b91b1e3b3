package io.lmcache.cuda.paged;

import io.lmcache.cuda.ResourceStack;
import io.lmcache.cuda.kernel.KernelStream;
import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;

/** Events for work of which several pieces are under way: one for each, made when none is free. For one thread at a time. */
final class Events implements Closeable {
    private final KernelStream stream;
    private final ResourceStack made = new ResourceStack();
    private final Deque<KernelStream.Event> free = new ArrayDeque<>();

    Events(KernelStream stream) {
        this.stream = stream;
    }

    /** An event that nobody waits for; it stays this object's. */
    KernelStream.Event next() throws IOException {
        KernelStream.Event event = free.poll();
        return event != null ? event : made.add(stream.newEvent());
    }

    /** Takes an event back that was waited for. */
    void reuse(KernelStream.Event event) {
        free.add(event);
    }

    @Override
    public void close() throws IOException {
        made.close();
    }
}
