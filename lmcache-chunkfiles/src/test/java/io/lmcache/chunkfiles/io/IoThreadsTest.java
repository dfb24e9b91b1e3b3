package io.lmcache.chunkfiles.io;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class IoThreadsTest {
    private static final int THREADS = 2;

    private final IoThreads threads = new IoThreads("test", "read", THREADS);
    private final CountDownLatch end = new CountDownLatch(1);
    private final BlockingQueue<String> done = new LinkedBlockingQueue<>();

    @AfterEach
    void close() {
        end.countDown();
        threads.shutdown();
        assertThat(threads.awaitEnd(deadline())).isTrue();
    }

    @Test
    void tasksComeBeforeOffersAndOldOffersBeforeNewOnes() throws Exception {
        CountDownLatch begin = new CountDownLatch(1);
        occupyUntil(end);
        occupyUntil(begin);
        threads.offer(() -> done.add("first offer"), 1);
        threads.offer(() -> done.add("second offer"), 1);
        submit("first task");
        submit("second task");

        begin.countDown();

        for (String next : List.of("first task", "second task", "first offer", "second offer")) {
            assertThat(done.poll(10, TimeUnit.SECONDS)).isEqualTo(next);
        }
    }

    @Test
    void itIsCountedHowManyTasksWaitAndHowLong() throws Exception {
        CountDownLatch begin = new CountDownLatch(1);
        occupyUntil(begin);
        occupyUntil(begin);
        submit("task");
        assertThat(threads.waiting()).isEqualTo(1);
        begin.countDown();
        assertThat(done.poll(10, TimeUnit.SECONDS)).isEqualTo("task");
        assertThat(threads.waiting()).isZero();
        assertThat(threads.waits()).isEqualTo(3);
        assertThat(threads.waitNanos()).isPositive();
    }

    @Test
    void anOfferReachesEveryOtherThreadAtMost() throws Exception {
        CountDownLatch begin = new CountDownLatch(1);
        occupyUntil(end);
        occupyUntil(begin);
        threads.offer(() -> done.add("offer"), 100);
        begin.countDown();
        assertThat(done.poll(10, TimeUnit.SECONDS)).isEqualTo("offer");
        threads.offer(() -> done.add("later offer"), 1);
        assertThat(done.poll(10, TimeUnit.SECONDS)).isEqualTo("later offer");
    }

    @Test
    void whatHasNotBegunByTheDeadlineIsRejected() throws Exception {
        occupyUntil(end);
        occupyUntil(end);
        submit("task");
        threads.offer(() -> done.add("offer"), 1);
        threads.shutdown();

        assertThat(threads.awaitEnd(System.nanoTime())).isFalse();

        assertThat(done).containsExactly("task rejected");
    }

    private void occupyUntil(CountDownLatch latch) throws InterruptedException {
        CountDownLatch occupied = new CountDownLatch(1);
        var _ = threads.call(
                () -> {
                    occupied.countDown();
                    return latch.await(30, TimeUnit.SECONDS);
                },
                false);
        assertThat(occupied.await(10, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void taskForWhichNoThreadCanBeHadIsToldSoOnceAndTheNextOneRuns() throws Exception {
        AtomicInteger refusals = new AtomicInteger(1);
        IoThreads few = new IoThreads(1, task -> {
            if (refusals.getAndDecrement() > 0) {
                throw new OutOfMemoryError("no thread");
            }
            return Thread.ofPlatform().daemon().unstarted(task);
        });
        submit(few, "first");
        submit(few, "second");
        few.shutdown();
        assertThat(few.awaitEnd(deadline())).isTrue();
        assertThat(done).containsExactly("first failed: no thread", "second");
    }

    private void submit(String name) {
        submit(threads, name);
    }

    private void submit(IoThreads to, String name) {
        to.submit(new IoThreads.Task() {
            @Override
            public void run() {
                done.add(name);
            }

            @Override
            public void rejected() {
                done.add(name + " rejected");
            }

            @Override
            public void failed(Error cause) {
                done.add(name + " failed: " + cause.getMessage());
            }
        });
    }

    private static long deadline() {
        return System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    }
}
