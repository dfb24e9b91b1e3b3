package io.lmcache.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;
import static org.junit.platform.testkit.engine.EventConditions.event;
import static org.junit.platform.testkit.engine.EventConditions.finishedWithFailure;
import static org.junit.platform.testkit.engine.TestExecutionResultConditions.instanceOf;
import static org.junit.platform.testkit.engine.TestExecutionResultConditions.message;
import static org.junit.platform.testkit.engine.TestExecutionResultConditions.suppressed;

import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.SlabAllocator;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.junit.platform.testkit.engine.Events;

class LeakCheckTest {
    static final class Leaking {
        @RegisterExtension
        final LeakCheck leaks = new LeakCheck();

        private final List<BufferLease> forgotten = new ArrayList<>();

        @Test
        void forgetsALease() {
            SlabAllocator memory = leaks.hostAllocator("forgotten", 8192);
            forgotten.add(memory.tryAllocate(5000).orElseThrow());
            assertThat(forgotten).hasSize(1);
        }
    }

    static final class ClosingLate {
        @RegisterExtension
        final LeakCheck leaks = new LeakCheck();

        @Test
        void leavesTheLeaseToAnotherThread() {
            BufferLease lease =
                    leaks.hostAllocator("late", 8192).tryAllocate(5000).orElseThrow();
            CompletableFuture<Void> closed = CompletableFuture.runAsync(
                    lease::close, CompletableFuture.delayedExecutor(50, TimeUnit.MILLISECONDS));
            assertThat(closed).isNotNull();
        }
    }

    @Test
    void leaseThatIsNeverClosedFailsTheTestAndIsTracedToItsPlace() {
        run(Leaking.class)
                .assertThatEvents()
                .haveExactly(
                        1,
                        event(finishedWithFailure(
                                instanceOf(AssertionError.class),
                                message("After the test 8192 bytes of allocator 'forgotten' are still leased"),
                                suppressed(0, instanceOf(LmcacheException.class)))));
    }

    @Test
    void leaseThatIsClosedAnInstantLaterIsNoLeak() {
        run(ClosingLate.class).assertStatistics(events -> events.started(1).succeeded(1));
    }

    private static Events run(Class<?> test) {
        return EngineTestKit.engine("junit-jupiter")
                .selectors(selectClass(test))
                .execute()
                .testEvents();
    }
}
