package io.lmcache.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.KvDtype;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.DeviceBuffer;
import io.lmcache.api.memory.SlabAllocator;
import io.lmcache.api.spi.BackendStats;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.api.spi.DeclineReason;
import io.lmcache.api.spi.PutOutcome;
import io.lmcache.api.spi.StoredChunk;
import io.lmcache.testkit.ExampleBackend.Disk;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Method;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.junit.platform.testkit.engine.Events;

/** The contract finds every backend out that breaks a rule: each backend here breaks one, and its class says which. */
class BrokenBackendsTest {
    static Stream<Arguments> brokenBackends() {
        return Stream.of(
                arguments(HasANameWithBlanks.class, "nameIsOneThatSettingsCanUse"),
                arguments(CountsPastAGap.class, "prefixEndsAtTheFirstGap"),
                arguments(CountsFromTheEnd.class, "prefixIsCountedInTheOrderOfTheKeys"),
                arguments(ExpectsAFirstKey.class, "prefixOfNoKeysIsEmpty"),
                arguments(NamesChunksByHashOnly.class, "scopesThatDifferInOnePartNeverMeet"),
                arguments(RefusesDotsInNames.class, "modelNameThatLooksLikeAPathIsOnlyAName"),
                arguments(CutsLongNames.class, "modelNameMayBeLongerThanAFileName"),
                arguments(ReadsWholePagesOnly.class, "sizesThatAreNoMultipleOfAPageComeBack"),
                arguments(LosesStoredChunks.class, "storedChunkIsFoundWithItsBytesAndMeaning"),
                arguments(TurnsForeignMemoryAwayForAWhile.class, "chunkInForeignHostMemoryIsStoredOrUnsupported"),
                arguments(StoresAKeyTwice.class, "secondPutOfAKeyIsAlreadyPresent"),
                arguments(StoresAKeyTwice.class, "concurrentPutsOfOneKeyStoreItOnce"),
                arguments(TakesALeaseOfAnySize.class, "putWithALeaseOfAnotherSizeThrows"),
                arguments(ClosesTheCallersLease.class, "putLeavesTheLeaseToTheCaller"),
                arguments(ReadsTheCallersLeaseLater.class, "callerMayCloseItsLeaseWhenPutHasReturned"),
                arguments(FailsOnLargeChunks.class, "chunkThatCanNeverFitIsDeclined"),
                arguments(IgnoresTheLimit.class, "bytesNeverExceedTheLimit"),
                arguments(FailsWhenFull.class, "backendFullOfPinnedChunksDeclines"),
                arguments(WritesOverWhatIsRead.class, "chunkInUseKeepsItsBytesWhateverIsStored"),
                arguments(WritesOverWhatIsInvalidated.class, "invalidationLeavesReadersTheirBytes"),
                arguments(WaitsForMemory.class, "getWithoutMemoryIsAMissAndNoMore"),
                arguments(KeepsALeaseForever.class, "closedBackendHoldsNoMemory"),
                arguments(EvictsPinnedChunks.class, "pinnedChunkIsNotEvicted"),
                arguments(UnpinsWithEveryClose.class, "closingAPinTwiceReleasesItOnce"),
                arguments(PretendsToInvalidate.class, "invalidatedChunkIsAMiss"),
                arguments(RemembersWhatWasInvalidated.class, "invalidatedChunkCanBeStoredAnew"),
                arguments(ClearsPinnedChunks.class, "clearRemovesWhatIsNotPinned"),
                arguments(ClearsAllModels.class, "clearOfOneModelLeavesTheOthers"),
                arguments(CountsNothing.class, "statsCountWhatIsHeld"),
                arguments(CompletesWhenItIsAsked.class, "futuresCompleteWithoutTheHelpOfTheCaller"),
                arguments(WorksOnTheCallersThread.class, "noCallWaitsForTheStorage"),
                arguments(LeavesALeaseToWhoCancels.class, "cancelledPutsStoreTheirBytesOrNothingAndKeepNoMemory"),
                arguments(ClosesOnce.class, "closeIsIdempotent"),
                arguments(FailsAfterClose.class, "closedBackendMissesAndDeclines"),
                arguments(HidesLeaks.class, "closeReportsMemoryThatIsStillLeasedAndCanBeRepeated"),
                arguments(ForgetsWithTheProcess.class, "persistentChunksSurviveTheBackend"),
                arguments(FindsOnlyWhatItStored.class, "sharedChunksAreSeenByOthersAtOnce"),
                arguments(MixesUpChunks.class, "concurrentUseNeverYieldsWrongBytes"),
                arguments(DropsWhatItReportsAsStored.class, "fullBackendTakesNewChunksOrDeclinesThem"),
                arguments(LosesInt8.class, "everyDtypeAndFormatComesBack"),
                arguments(FindsWhatIsNotThere.class, "emptyBackendMisses"),
                arguments(HasADifferentAllocatorEachTime.class, "factsAndAllocatorAreConstant"));
    }

    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource("brokenBackends")
    void contractFindsTheBrokenRule(Class<?> contract, String rule) {
        Events tests = EngineTestKit.engine("junit-jupiter")
                .selectors(selectMethod(contract, test(rule)))
                .execute()
                .testEvents();

        assertThat(tests.failed().count()).as("failed tests of the rule").isPositive();
    }

    @Test
    void everyRuleIsBrokenByOne() {
        assertThat(brokenBackends().map(arguments -> arguments.get()[1]))
                .containsExactlyInAnyOrderElementsOf(
                        tests().map(Method::getName).toList());
    }

    private static Method test(String rule) {
        return tests().filter(test -> test.getName().equals(rule)).findFirst().orElseThrow();
    }

    private static Stream<Method> tests() {
        return Arrays.stream(StorageBackendContract.class.getDeclaredMethods()).filter(BrokenBackendsTest::isTest);
    }

    private static boolean isTest(Method method) {
        return method.isAnnotationPresent(Test.class) || method.isAnnotationPresent(ParameterizedTest.class);
    }

    static final class HasANameWithBlanks extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                public String name() {
                    return "Example Backend";
                }
            };
        }
    }

    static final class CountsPastAGap extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                public CompletableFuture<Integer> containsPrefix(List<ChunkKey> keys) {
                    return submit(
                            0, () -> (int) keys.stream().filter(this::holds).count());
                }
            };
        }
    }

    static final class CountsFromTheEnd extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                public CompletableFuture<Integer> containsPrefix(List<ChunkKey> keys) {
                    return super.containsPrefix(keys.reversed());
                }
            };
        }
    }

    static final class ExpectsAFirstKey extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                public CompletableFuture<Integer> containsPrefix(List<ChunkKey> keys) {
                    return keys.getFirst() == null ? super.containsPrefix(List.of()) : super.containsPrefix(keys);
                }
            };
        }
    }

    static final class NamesChunksByHashOnly extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                String nameOf(ChunkKey key) {
                    return key.hash().hex();
                }
            };
        }
    }

    static final class RefusesDotsInNames extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                PutOutcome write(ChunkKey key, ChunkMeta meta, BufferLease lease) {
                    return key.scope().model().contains("..")
                            ? PutOutcome.declined(DeclineReason.UNSUPPORTED, "..")
                            : super.write(key, meta, lease);
                }
            };
        }
    }

    static final class CutsLongNames extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                String nameOf(ChunkKey key) {
                    if (key.text().length() > 255) {
                        throw new IllegalStateException("File name too long");
                    }
                    return key.text();
                }
            };
        }
    }

    static final class ReadsWholePagesOnly extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                Optional<StoredChunk> read(ChunkKey key, BufferAllocator allocator) {
                    Optional<StoredChunk> chunk = super.read(key, allocator);
                    chunk.map(StoredChunk::lease).map(TestChunks::hostSegment).ifPresent(BrokenBackendsTest::zeroTail);
                    return chunk;
                }
            };
        }
    }

    static final class LosesStoredChunks extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                PutOutcome write(ChunkKey key, ChunkMeta meta, BufferLease lease) {
                    return PutOutcome.stored();
                }
            };
        }
    }

    static final class TurnsForeignMemoryAwayForAWhile extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                PutOutcome write(ChunkKey key, ChunkMeta meta, BufferLease lease) {
                    return isOwn(lease)
                            ? super.write(key, meta, lease)
                            : PutOutcome.declined(DeclineReason.BUSY, "foreign");
                }
            };
        }
    }

    static final class StoresAKeyTwice extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                boolean isPresent(ChunkKey key) {
                    return false;
                }
            };
        }
    }

    static final class TakesALeaseOfAnySize extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                void requireSize(ChunkMeta meta, BufferLease lease) {}
            };
        }
    }

    static final class ClosesTheCallersLease extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
                    return super.put(key, meta, lease).whenComplete((outcome, failure) -> lease.close());
                }
            };
        }
    }

    /** Does not share the lease, but waits until the caller has closed it. */
    static final class ReadsTheCallersLeaseLater extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
                    requireSize(meta, lease);
                    return submit(PutOutcome.stored(), () -> {
                        waitAtMost(Duration.ofSeconds(1), () -> leaseIsClosed(lease));
                        return write(key, meta, lease);
                    });
                }
            };
        }
    }

    static final class FailsOnLargeChunks extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                PutOutcome write(ChunkKey key, ChunkMeta meta, BufferLease lease) {
                    if (meta.byteSize() > stats().limitBytes()) {
                        throw new IllegalStateException("No space left on device");
                    }
                    return super.write(key, meta, lease);
                }
            };
        }
    }

    static final class IgnoresTheLimit extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                boolean makeRoom(long bytes) {
                    return true;
                }
            };
        }
    }

    static final class FailsWhenFull extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                boolean makeRoom(long bytes) {
                    if (!super.makeRoom(bytes)) {
                        throw new IllegalStateException("No space left on device");
                    }
                    return true;
                }
            };
        }
    }

    static final class WritesOverWhatIsRead extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                private final Queue<BufferLease> readers = new ConcurrentLinkedQueue<>();

                @Override
                Optional<StoredChunk> read(ChunkKey key, BufferAllocator allocator) {
                    Optional<StoredChunk> chunk = super.read(key, allocator);
                    chunk.map(StoredChunk::lease).ifPresent(readers::add);
                    return chunk;
                }

                @Override
                PutOutcome write(ChunkKey key, ChunkMeta meta, BufferLease lease) {
                    readers.stream()
                            .filter(reader -> !leaseIsClosed(reader))
                            .map(TestChunks::hostSegment)
                            .forEach(bytes -> bytes.fill((byte) 0));
                    return super.write(key, meta, lease);
                }
            };
        }
    }

    static final class WritesOverWhatIsInvalidated extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                private final Map<ChunkKey, BufferLease> readers = new ConcurrentHashMap<>();

                @Override
                Optional<StoredChunk> read(ChunkKey key, BufferAllocator allocator) {
                    Optional<StoredChunk> chunk = super.read(key, allocator);
                    chunk.map(StoredChunk::lease).ifPresent(reader -> readers.put(key, reader));
                    return chunk;
                }

                @Override
                public CompletableFuture<Boolean> tryInvalidate(ChunkKey key) {
                    BufferLease reader = readers.remove(key);
                    if (reader != null && !leaseIsClosed(reader)) {
                        TestChunks.hostSegment(reader).fill((byte) 0);
                    }
                    return super.tryInvalidate(key);
                }
            };
        }
    }

    static final class WaitsForMemory extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                Optional<BufferLease> allocate(BufferAllocator allocator, long bytes) {
                    AtomicReference<Optional<BufferLease>> lease = new AtomicReference<>(Optional.empty());
                    waitAtMost(Duration.ofSeconds(2), () -> {
                        lease.set(allocator.tryAllocate(bytes));
                        return lease.get().isPresent();
                    });
                    return lease.get();
                }
            };
        }

        @Override
        protected Duration deadline() {
            return Duration.ofMillis(500);
        }
    }

    static final class KeepsALeaseForever extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                private final Queue<BufferLease> kept = new ConcurrentLinkedQueue<>();

                @Override
                public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
                    if (isOwn(lease)) {
                        kept.add(lease.share());
                    }
                    return super.put(key, meta, lease);
                }
            };
        }
    }

    static final class LeavesALeaseToWhoCancels extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                public CompletableFuture<PutOutcome> put(ChunkKey key, ChunkMeta meta, BufferLease lease) {
                    BufferLease share = lease.share();
                    return super.put(key, meta, lease).thenApply(outcome -> {
                        share.close();
                        return outcome;
                    });
                }
            };
        }
    }

    static final class EvictsPinnedChunks extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                boolean isPinned(String name) {
                    return false;
                }
            };
        }
    }

    static final class UnpinsWithEveryClose extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                void unpin(String name, AtomicBoolean open) {
                    super.unpin(name, new AtomicBoolean(true));
                }
            };
        }
    }

    static final class PretendsToInvalidate extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                boolean remove(String name) {
                    return true;
                }
            };
        }
    }

    static final class RemembersWhatWasInvalidated extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                private final Set<String> gone = ConcurrentHashMap.newKeySet();

                @Override
                boolean remove(String name) {
                    gone.add(name);
                    return super.remove(name);
                }

                @Override
                boolean isPresent(ChunkKey key) {
                    return gone.contains(nameOf(key)) || super.isPresent(key);
                }
            };
        }
    }

    static final class ClearsPinnedChunks extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                public void clear() {
                    synchronized (disk) {
                        disk.chunks.clear();
                    }
                }
            };
        }
    }

    static final class ClearsAllModels extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                public void clear(String model) {
                    clear();
                }
            };
        }
    }

    static final class CountsNothing extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                public BackendStats stats() {
                    return new BackendStats(0, 0, super.stats().limitBytes(), Map.of());
                }
            };
        }
    }

    static final class CompletesWhenItIsAsked extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                public CompletableFuture<Integer> containsPrefix(List<ChunkKey> keys) {
                    CompletableFuture<Integer> real = super.containsPrefix(keys);
                    return new CompletableFuture<>() {
                        @Override
                        public Integer get() throws InterruptedException, ExecutionException {
                            return real.get();
                        }
                    };
                }
            };
        }

        @Override
        protected Duration deadline() {
            return Duration.ofMillis(500);
        }
    }

    static final class WorksOnTheCallersThread extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                <T> CompletableFuture<T> submit(T whenClosed, Supplier<T> work) {
                    return CompletableFuture.completedFuture(work.get());
                }
            };
        }

        @Override
        protected Duration deadline() {
            return Duration.ofMillis(500);
        }
    }

    static final class ClosesOnce extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                private final AtomicBoolean open = new AtomicBoolean(true);

                @Override
                public void close() {
                    if (!open.getAndSet(false)) {
                        throw new IllegalStateException("closed already");
                    }
                    super.close();
                }
            };
        }
    }

    static final class FailsAfterClose extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                <T> CompletableFuture<T> submit(T whenClosed, Supplier<T> work) {
                    CompletableFuture<T> future = super.submit(whenClosed, work);
                    return isClosed() ? CompletableFuture.failedFuture(new IOException("closed")) : future;
                }
            };
        }
    }

    static final class HidesLeaks extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                public void close() {
                    try {
                        super.close();
                    } catch (LmcacheException e) {
                        assertThat(e.code()).isEqualTo(ErrorCode.LEAK);
                    }
                }
            };
        }
    }

    static final class ForgetsWithTheProcess extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                public void close() {
                    super.close();
                    super.clear();
                }
            };
        }
    }

    static final class FindsOnlyWhatItStored extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                private final Set<ChunkKey> own = ConcurrentHashMap.newKeySet();

                @Override
                PutOutcome write(ChunkKey key, ChunkMeta meta, BufferLease lease) {
                    own.add(key);
                    return super.write(key, meta, lease);
                }

                @Override
                boolean holds(ChunkKey key) {
                    return own.contains(key) && super.holds(key);
                }
            };
        }
    }

    /** Reads another chunk when many are there. */
    static final class MixesUpChunks extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                Optional<StoredChunk> read(ChunkKey key, BufferAllocator allocator) {
                    return super.read(stats().chunks() > 12 ? TestChunks.key(0) : key, allocator);
                }
            };
        }
    }

    /** Drops the last chunk that fits. */
    static final class DropsWhatItReportsAsStored extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                PutOutcome write(ChunkKey key, ChunkMeta meta, BufferLease lease) {
                    PutOutcome outcome = super.write(key, meta, lease);
                    if (stats().chunks() == 16) {
                        remove(nameOf(key));
                    }
                    return outcome;
                }
            };
        }
    }

    static final class LosesInt8 extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                PutOutcome write(ChunkKey key, ChunkMeta meta, BufferLease lease) {
                    return meta.layout().dtype() == KvDtype.INT8
                            ? PutOutcome.alreadyPresent()
                            : super.write(key, meta, lease);
                }
            };
        }
    }

    static final class FindsWhatIsNotThere extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                public CompletableFuture<Integer> containsPrefix(List<ChunkKey> keys) {
                    return CompletableFuture.completedFuture(keys.size());
                }
            };
        }
    }

    static final class HasADifferentAllocatorEachTime extends ExampleBackend.Contract {
        @Override
        ExampleBackend over(Disk disk, long capacity) {
            return new ExampleBackend(disk, capacity) {
                @Override
                public BufferAllocator allocator() {
                    return new SlabAllocator("new", new DeviceBuffer(4096, 4096, 0), bytes -> {});
                }
            };
        }
    }

    private static void zeroTail(MemorySegment bytes) {
        bytes.asSlice(bytes.byteSize() / 4096 * 4096).fill((byte) 0);
    }

    private static boolean leaseIsClosed(BufferLease lease) {
        try {
            return lease.buffer().byteSize() < 0;
        } catch (LmcacheException e) {
            return e.code() == ErrorCode.CLOSED;
        }
    }

    private static void waitAtMost(Duration duration, BooleanSupplier condition) {
        long end = System.nanoTime() + duration.toNanos();
        while (!condition.getAsBoolean() && System.nanoTime() - end < 0) {
            LockSupport.parkNanos(Duration.ofMillis(1).toNanos());
        }
    }
}
