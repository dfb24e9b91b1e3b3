package io.lmcache.chunkfiles.diagnosis;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrialDirectoryTest {
    @TempDir
    private Path parent;

    @Test
    void itIsPrivateAndGoneWithAllItHolds() throws IOException {
        try (TrialDirectory directory = TrialDirectory.in(parent)) {
            assertThat(directory.path()).hasParent(parent);
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory.path())))
                    .isEqualTo("rwx------");
            Files.writeString(
                    Files.createDirectories(directory.path().resolve("a/b")).resolve("c"), "text");
        }
        assertThat(parent).isEmptyDirectory();
    }

    @Test
    void itIsGoneWhenTheProcessIsInterrupted() throws IOException, InterruptedException {
        Process child = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Main.class.getName(),
                        parent.toString())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        try (var out = child.inputReader(StandardCharsets.UTF_8)) {
            assertThat(out.readLine()).isEqualTo("made");
            assertThat(parent).isNotEmptyDirectory();
            child.destroy();
            assertThat(child.waitFor(30, TimeUnit.SECONDS)).isTrue();
        } finally {
            child.destroyForcibly();
        }
        assertThat(parent).isEmptyDirectory();
    }

    @Test
    void theNearestDirectoryOfAMissingOneIsTheDeepestThatIsThere() {
        assertThat(TrialDirectory.nearestTo(parent)).isEqualTo(parent);
        assertThat(TrialDirectory.nearestTo(parent.resolve("a/b/c"))).isEqualTo(parent);
        assertThat(TrialDirectory.nearestTo(parent.resolve("a/../b"))).isEqualTo(parent);
    }

    /** Makes a directory and waits to be interrupted. */
    static final class Main {
        private Main() {}

        public static void main(String[] arguments) throws IOException {
            TrialDirectory directory = TrialDirectory.in(Path.of(arguments[0]));
            Files.writeString(directory.path().resolve("file"), "text");
            System.out.println("made");
            int ignored = System.in.read();
        }
    }
}
