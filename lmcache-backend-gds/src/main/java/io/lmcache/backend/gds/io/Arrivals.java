package io.lmcache.backend.gds.io;

import io.lmcache.chunkfiles.io.IoThreads;
import io.lmcache.cuda.CudaDevice;
import io.lmcache.cuda.CudaEvent;
import io.lmcache.cuda.CudaStream;
import io.lmcache.cuda.ResourceStack;
import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Tells when copies to the device have arrived, so that the thread that queued them need not wait. One thread does, in the
 * order in which the copies were queued. Thread-safe.
 */
final class Arrivals implements Closeable {
    private final CudaDevice device;
    private final CudaStream stream;
    private final IoThreads thread = new IoThreads("gds", "arrivals", 1);
    private final ResourceStack events = new ResourceStack();
    // Guards itself and events.
    private final Deque<CudaEvent> idle = new ArrayDeque<>();

    /** What arrives through that stream, which stays the caller's. */
    Arrivals(CudaDevice device, CudaStream stream) {
        this.device = device;
        this.stream = stream;
    }

    /** Calls when all that is queued in the stream by now has arrived, with what failed if something did. */
    void whenAllArrived(Consumer<Optional<Exception>> whenArrived) {
        CudaEvent mark;
        try {
            mark = take();
            mark.record(stream);
        } catch (IOException e) {
            awaitAll(e);
            whenArrived.accept(Optional.of(e));
            return;
        }
        thread.submit(new Wait(mark, whenArrived));
    }

    private void awaitAll(IOException failure) {
        try {
            stream.synchronize();
        } catch (IOException e) {
            failure.addSuppressed(e);
        }
    }

    private CudaEvent take() throws IOException {
        synchronized (idle) {
            CudaEvent known = idle.poll();
            return known == null ? events.add(device.newEvent()) : known;
        }
    }

    private void giveBack(CudaEvent mark) {
        synchronized (idle) {
            idle.push(mark);
        }
    }

    /** For one who asked. */
    private final class Wait implements IoThreads.Task {
        private final CudaEvent mark;
        private final Consumer<Optional<Exception>> whenArrived;

        private Wait(CudaEvent mark, Consumer<Optional<Exception>> whenArrived) {
            this.mark = mark;
            this.whenArrived = whenArrived;
        }

        @Override
        public void run() {
            Optional<Exception> failure = Optional.empty();
            try {
                device.makeCurrent();
                mark.await();
            } catch (IOException e) {
                awaitAll(e);
                failure = Optional.of(e);
            }
            giveBack(mark);
            whenArrived.accept(failure);
        }

        /** Closing: the copy is on its way all the same, and its memory is not free before it is there. */
        @Override
        public void rejected() {
            run();
        }

        /** As well where no thread can be had. */
        @Override
        public void failed(Error cause) {
            run();
        }
    }

    /**
     * Waits until everybody who asked was called, until {@link System#nanoTime()} at most. To be called when nobody asks any
     * more.
     *
     * @return whether that is so
     */
    boolean awaitEnd(long deadlineNanos) {
        thread.shutdown();
        return thread.awaitEnd(deadlineNanos);
    }

    /** Gives the marks back. Nobody may be waiting. */
    @Override
    public void close() throws IOException {
        thread.shutdown();
        events.close();
    }
}
