package io.lmcache.cuda.paged;

import io.lmcache.cuda.ResourceStack;
import io.lmcache.cuda.kernel.KernelStream;
import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;

/** Marks for work of which several pieces are under way: one for each, made when none is free. For one thread at a time. */
final class Marks implements Closeable {
    private final KernelStream stream;
    private final ResourceStack made = new ResourceStack();
    private final Deque<KernelStream.Mark> free = new ArrayDeque<>();

    Marks(KernelStream stream) {
        this.stream = stream;
    }

    /** A mark that nobody waits for; it stays this object's. */
    KernelStream.Mark next() throws IOException {
        KernelStream.Mark mark = free.poll();
        return mark != null ? mark : made.add(stream.newMark());
    }

    /** Takes a mark back that was waited for. */
    void reuse(KernelStream.Mark mark) {
        free.add(mark);
    }

    @Override
    public void close() throws IOException {
        made.close();
    }
}
