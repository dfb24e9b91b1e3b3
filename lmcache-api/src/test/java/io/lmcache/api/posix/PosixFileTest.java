package io.lmcache.api.posix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class PosixFileTest {
    @TempDir
    private Path folder;

    @Test
    void statusIsThatOfTheJdk() throws IOException {
        Path path = Files.write(folder.resolve("file"), new byte[10_000]);
        Files.setLastModifiedTime(path, FileTime.fromMillis(1_700_000_000_123L));
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-r-----"));
        Files.createLink(folder.resolve("second name"), path);
        Map<String, Object> expected = Files.readAttributes(path, "unix:*");
        try (PosixFile file = PosixFile.open(path, OpenFlag.READ_ONLY)) {
            assertThat(file.status()).isEqualTo(PosixFile.status(path)).satisfies(status -> {
                assertThat(status.isRegularFile()).isTrue();
                assertThat(status.permissions()).isEqualTo(0640);
                assertThat(status.mode()).isEqualTo(expected.get("mode"));
                assertThat(status.user()).isEqualTo(expected.get("uid")).isEqualTo(LocalUser.id());
                assertThat(status.links()).isEqualTo(expected.get("nlink")).isEqualTo(2);
                assertThat(status.size()).isEqualTo(10_000);
                assertThat(status.inode()).isEqualTo(expected.get("ino"));
                assertThat(FileTime.from(status.modified())).isEqualTo(expected.get("lastModifiedTime"));
            });
        }
    }

    @Test
    void allocatedBytesAreWhatTheDiskHolds() throws IOException {
        Path sparse = folder.resolve("sparse");
        try (var file = new java.io.RandomAccessFile(sparse.toFile(), "rw")) {
            file.setLength(1 << 30);
        }
        assertThat(PosixFile.status(sparse).size()).isEqualTo(1 << 30);
        assertThat(PosixFile.status(sparse).allocatedBytes()).isLessThan(1 << 20);
    }

    @Test
    void namesAreResolvedInTheDirectoryThatIsOpenWhateverBecomesOfItsPath() throws IOException {
        Path before = Files.createDirectory(folder.resolve("before"));
        try (PosixFile directory = PosixFile.open(before, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
            Files.move(before, folder.resolve("after"));
            Files.createDirectory(before);

            directory.makeDirectory("below");
            directory
                    .openAt("ä file", OpenFlag.WRITE_ONLY, OpenFlag.CREATE, OpenFlag.EXCLUSIVE)
                    .close();
            try (PosixFile below = directory.openAt("below", OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
                directory.rename("ä file", below, "renamed");
                assertThat(below.statusAt("renamed").permissions()).isEqualTo(0600);
                assertThat(folder.resolve("after/below/renamed")).isRegularFile();
                below.removeFile("renamed");
            }
            assertThat(directory.statusAt("below").isDirectory()).isTrue();
            assertThat(directory.statusAt("below").permissions()).isEqualTo(0700);
            directory.removeDirectory("below");
        }
        assertThat(folder.resolve("after")).isEmptyDirectory();
        assertThat(before).isEmptyDirectory();
    }

    @Test
    void linksAreNotFollowedWhereThatIsAskedFor() throws IOException {
        Path link = Files.createSymbolicLink(folder.resolve("link"), Files.createFile(folder.resolve("target")));
        assertThat(PosixFile.status(link).isSymbolicLink()).isTrue();
        assertThatThrownBy(() -> PosixFile.open(link, OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW))
                .isInstanceOfSatisfying(
                        PosixException.class,
                        e -> assertThat(Errno.ELOOP.isCauseOf(e)).isTrue());
    }

    @Test
    @Timeout(60)
    void aPipeWithoutAWriterIsNotWaitedFor() throws Exception {
        Path pipe = folder.resolve("pipe");
        assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor())
                .isZero();
        try (PosixFile file = PosixFile.open(pipe, OpenFlag.READ_ONLY, OpenFlag.NO_WAIT)) {
            assertThat(file.status().isRegularFile()).isFalse();
        }
    }

    @Test
    void directFilesAreOpenedPastThePageCache() throws IOException {
        Path path = Files.createFile(folder.resolve("file"));
        try (PosixFile file = PosixFile.open(path, OpenFlag.READ_ONLY, OpenFlag.DIRECT)) {
            String flags = Files.readAllLines(Path.of("/proc/self/fdinfo/" + file.descriptor())).stream()
                    .filter(line -> line.startsWith("flags:"))
                    .findFirst()
                    .orElseThrow();
            int octal = Integer.parseInt(flags.substring("flags:".length()).strip(), 8);
            assertThat(octal & OpenFlag.bits(OpenFlag.DIRECT)).isEqualTo(OpenFlag.bits(OpenFlag.DIRECT));
        }
    }

    @Test
    void mappedMemoryIsTheFilesAndOutlivesItsDescriptor() throws IOException {
        Path path = Files.write(folder.resolve("file"), new byte[4096]);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory;
            try (PosixFile file = PosixFile.open(path, OpenFlag.READ_WRITE)) {
                memory = file.map(4096, arena);
            }
            memory.set(ValueLayout.JAVA_BYTE, 4095, (byte) 7);
            assertThat(Files.readAllBytes(path)[4095]).isEqualTo((byte) 7);
        }
    }

    @Test
    void failuresNamePathOperationAndErrorAndAreRecognizedAsThoseOfTheJdk() {
        Path missing = folder.resolve("missing");
        assertThatThrownBy(() -> PosixFile.open(missing, OpenFlag.READ_ONLY))
                .isInstanceOf(PosixException.class)
                .hasMessageContaining(missing + ": open failed: ENOENT (")
                .isInstanceOfSatisfying(
                        PosixException.class,
                        e -> assertThat(Errno.ENOENT.isCauseOf(e)).isTrue());
        assertThat(Errno.ENOENT.isCauseOf(new NoSuchFileException("file"))).isTrue();
        assertThatThrownBy(() -> PosixFile.open(folder, OpenFlag.WRITE_ONLY))
                .isInstanceOfSatisfying(
                        PosixException.class,
                        e -> assertThat(Errno.EISDIR.isCauseOf(e)).isTrue());
    }

    @Test
    void closingTwiceClosesNothingElse() throws IOException {
        Path path = Files.createFile(folder.resolve("file"));
        PosixFile first = PosixFile.open(path, OpenFlag.READ_ONLY);
        first.close();
        try (PosixFile second = PosixFile.open(path, OpenFlag.READ_ONLY)) {
            first.close();
            assertThat(second.status().isRegularFile()).isTrue();
        }
    }
}
