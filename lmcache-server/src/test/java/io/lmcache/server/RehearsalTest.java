package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is played for the JVM's ahead-of-time cache. */
class RehearsalTest {
    @TempDir
    private Path folder;

    @Test
    void storesAndLoadsAndLeavesNoMemoryBehind() throws Exception {
        Rehearsal.play(folder);
        try (Stream<Path> files = Files.walk(folder.resolve("files"))) {
            assertThat(files.filter(Files::isRegularFile)).isNotEmpty();
        }
        try (Stream<Path> memory = Files.list(Path.of("/dev/shm"))) {
            assertThat(memory.map(file -> file.getFileName().toString()))
                    .noneMatch(name -> name.startsWith("lmcache-rehearsal-"));
        }
    }
}
