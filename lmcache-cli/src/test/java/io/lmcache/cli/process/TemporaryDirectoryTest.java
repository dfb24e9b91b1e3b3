package io.lmcache.cli.process;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TemporaryDirectoryTest {
    @TempDir
    private Path parent;

    @Test
    void isGoneWithItsContent() throws Exception {
        Path path;
        try (TemporaryDirectory directory = new TemporaryDirectory(TemporaryDirectory.systemFolder())) {
            path = directory.path();
            Files.writeString(Files.createDirectories(path.resolve("a/b")).resolve("c"), "x");
        }
        assertThat(path).doesNotExist();
    }

    @Test
    void isNoTroubleWhenItIsGoneAlready() throws Exception {
        try (TemporaryDirectory directory = new TemporaryDirectory(TemporaryDirectory.systemFolder())) {
            Files.delete(directory.path());
        }
    }

    @Test
    void leavesTheDirectoryAroundIt() throws Exception {
        try (TemporaryDirectory directory = new TemporaryDirectory(parent)) {
            assertThat(directory.path()).hasParent(parent);
        }
        assertThat(parent).isEmptyDirectory();
    }
}
