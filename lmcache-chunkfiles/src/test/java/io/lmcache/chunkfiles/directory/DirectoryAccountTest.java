package io.lmcache.chunkfiles.directory;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DirectoryAccountTest {
    @TempDir
    private Path control;

    @Test
    void writersSeeWhatTheOthersStoreAndReserve() {
        DirectoryAccount one = DirectoryAccount.open(control, 1);
        DirectoryAccount other = DirectoryAccount.open(control, 2);
        one.reserve(100);
        other.reserve(10);
        assertThat(one.used()).isEqualTo(110);
        one.publish(60);
        one.remove(5);
        assertThat(other.used()).isEqualTo(105);
        assertThat(other.hasOthers()).isTrue();
        one.close();
        assertThat(other.used()).isEqualTo(65);
        assertThat(other.hasOthers()).isFalse();
    }

    @Test
    void limitHoldsForAllWritersAtOnce() throws Exception {
        long limit = 1000;
        DiskBudget one = new DiskBudget(limit, DirectoryAccount.open(control, 1));
        DiskBudget other = new DiskBudget(limit, DirectoryAccount.open(control, 2));
        one.endScan(one.beginScan(), 0);
        other.endScan(other.beginScan(), 0);
        CompletableFuture<?>[] writers = IntStream.range(0, 8)
                .mapToObj(writer -> CompletableFuture.runAsync(
                        () -> {
                            DiskBudget budget = writer % 2 == 0 ? one : other;
                            for (int put = 0; put < 500; put++) {
                                if (budget.tryReserve(1)) {
                                    budget.publish(1);
                                }
                            }
                        },
                        Thread::startVirtualThread))
                .toArray(CompletableFuture<?>[]::new);
        CompletableFuture.allOf(writers).get(30, TimeUnit.SECONDS);
        assertThat(one.excess()).isZero();
        assertThat(one.tryReserve(1)).isFalse();
        assertThat(other.tryReserve(1)).isFalse();
        one.remove(1);
        assertThat(other.tryReserve(1)).isTrue();
    }

    @Test
    void whatADeadWriterHadReservedIsFreed() {
        DirectoryAccount one = DirectoryAccount.open(control, 1);
        DirectoryAccount.open(control, 2).reserve(50);
        assertThat(one.owners()).containsExactlyInAnyOrder(1L, 2L);
        one.clear(2);
        assertThat(one.used()).isZero();
    }

    @Test
    void whatIsPublishedDuringAScanIsNeverLost() {
        DirectoryAccount account = DirectoryAccount.open(control, 1);
        long begin = account.published();
        account.reserve(7);
        account.publish(7);
        account.endScan(100, begin, true);
        assertThat(account.used()).isEqualTo(107);
        account.endScan(20, account.published(), false);
        assertThat(account.used()).as("a scan that did not see everything").isEqualTo(107);
        account.endScan(20, account.published(), true);
        assertThat(account.used()).isEqualTo(20);
    }

    @Test
    void moreWritersThanThePageHasRoomForCountForThemselves() {
        for (int writer = 1; writer < 200; writer++) {
            DirectoryAccount account = DirectoryAccount.open(control, writer);
            account.reserve(1);
            assertThat(account.used()).isPositive();
        }
    }

    /** In a process of its own: what a cut mapping does, the operating system calls a bus error. */
    @Test
    void fileThatIsCutCostsTheSharingAndNothingElse() throws Exception {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-Xmx64m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Cut.class.getName(),
                        control.toString())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.INHERIT)
                .start();
        try {
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).isZero();
        } finally {
            process.destroyForcibly();
        }
    }

    /** Counts, before and after the file is cut, in code that is compiled by then. */
    static final class Cut {
        private static final int ROUNDS = 50_000;

        private Cut() {}

        public static void main(String[] arguments) throws Exception {
            Path control = Path.of(arguments[0]);
            for (int attempt = 0; attempt < 5; attempt++) {
                DirectoryAccount account = DirectoryAccount.open(control, attempt + 1);
                require(account.isShared());
                account.reserve(7);
                for (int round = 0; round < ROUNDS; round++) {
                    account.reserve(1);
                    account.publish(1);
                    account.remove(1);
                    require(account.used() == 7);
                }
                Files.write(DirectoryAccount.file(control), new byte[0]);
                require(account.used() == 7);
                require(!account.isShared());
                account.reserve(-7);
                require(account.used() == 0);
                account.endScan(5, account.published(), true);
                require(account.used() == 5);
                account.close();
            }
        }

        private static void require(boolean isSo) {
            if (!isSo) {
                throw new AssertionError("wrongly counted");
            }
        }
    }

    @Test
    void linkInItsPlaceIsNotFollowedButReplaced() throws Exception {
        DirectoryAccount.open(control, 1);
        Path account;
        try (var files = Files.list(control)) {
            account = files.toList().getFirst();
        }
        assertThat(DirectoryAccount.isFile(account.getFileName().toString())).isTrue();
        Path target = Files.writeString(control.resolve("target"), "x");
        Files.delete(account);
        Files.createSymbolicLink(account, target);
        assertThat(DirectoryAccount.open(control, 2).isShared()).isTrue();
        assertThat(Files.isSymbolicLink(account)).isFalse();
        assertThat(target).hasContent("x");
    }
}
