package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What one client leaves to others; counted, not timed. */
@Timeout(60)
class SharesTest {
    private static int taken(Shares shares, Object client, int asked) {
        int taken = 0;
        for (int i = 0; i < asked; i++) {
            taken += shares.tryTake(client) ? 1 : 0;
        }
        return taken;
    }

    @Test
    void oneClientAloneHasHalfAndAnotherFindsRoom() {
        Shares shares = new Shares(128, 64);
        assertThat(taken(shares, "greedy", 1000)).isEqualTo(64);
        assertThat(taken(shares, "small", 20)).isEqualTo(20);
        assertThat(taken(shares, "third", 10)).isEqualTo(10);
    }

    @Test
    void whatIsGivenBackIsSharedAnew() {
        Shares shares = new Shares(128, 64);
        assertThat(taken(shares, "greedy", 1000)).isEqualTo(64);
        assertThat(taken(shares, "small", 1)).isEqualTo(1);
        for (int i = 0; i < 64; i++) {
            shares.giveBack("greedy");
        }
        assertThat(taken(shares, "greedy", 1000)).isEqualTo(128 / 3);
        shares.giveBack("small");
        assertThat(taken(shares, "greedy", 1000)).isEqualTo(64 - 128 / 3);
        assertThat(shares.used()).isEqualTo(64);
    }

    @Test
    void theClientWithTheFewestAtWorkIsNext() throws Exception {
        Turns turns = new Turns(2);
        BlockingQueue<String> granted = new LinkedBlockingQueue<>();
        List<Thread> threads = new ArrayList<>();
        assertThat(turns.begin("greedy", () -> false)).isTrue();
        assertThat(turns.begin("greedy", () -> false)).isTrue();
        for (int i = 0; i < 64; i++) {
            threads.add(waitFor(turns, "greedy", granted));
        }
        await(turns, 64);
        threads.add(waitFor(turns, "small", granted));
        await(turns, 65);

        turns.end("greedy");

        assertThat(granted.poll(30, TimeUnit.SECONDS)).isEqualTo("small");
        turns.end("greedy");
        turns.end("small");
        for (int i = 0; i < 64; i++) {
            assertThat(granted.poll(30, TimeUnit.SECONDS)).isEqualTo("greedy");
            turns.end("greedy");
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(turns.waiting()).isZero();
        assertThat(turns.waits()).isEqualTo(67);
    }

    @Test
    void whoGivesUpIsNotNext() throws Exception {
        Turns turns = new Turns(1);
        assertThat(turns.begin("one", () -> false)).isTrue();
        AtomicBoolean isOver = new AtomicBoolean();
        BlockingQueue<Boolean> answers = new LinkedBlockingQueue<>();
        Thread waiting = Thread.ofPlatform().start(() -> answers.add(turns.begin("two", isOver::get)));
        await(turns, 1);
        isOver.set(true);
        assertThat(answers.poll(30, TimeUnit.SECONDS)).isFalse();
        waiting.join();
        turns.end("one");
        assertThat(turns.begin("three", () -> false)).isTrue();
    }

    private static Thread waitFor(Turns turns, String client, BlockingQueue<String> granted) {
        return Thread.ofPlatform().daemon().start(() -> {
            if (turns.begin(client, () -> false)) {
                granted.add(client);
            }
        });
    }

    private static void await(Turns turns, int waiting) {
        ServerProcess.await(waiting + " wait", () -> turns.waiting() == waiting);
    }
}
