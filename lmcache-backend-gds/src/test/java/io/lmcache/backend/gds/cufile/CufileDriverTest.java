package io.lmcache.backend.gds.cufile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.posix.Errno;
import io.lmcache.cuda.CudaDevice;
import io.lmcache.cuda.DeviceMemory;
import io.lmcache.cuda.standin.StandIns;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(StandIns.class)
class CufileDriverTest {
    private static final int BYTES = 1 << 20;

    @TempDir
    private Path folder;

    private CudaDevice device;
    private DeviceMemory memory;

    @BeforeEach
    void openDevice() throws IOException {
        device = CudaDevice.open(0);
        device.makeCurrent();
        memory = device.allocate(BYTES);
    }

    @AfterEach
    void closeDevice() throws IOException {
        memory.close();
        device.close();
    }

    private static CufileDriver openDriver() throws IOException {
        return CufileDriver.open(Optional.of(StandIns.cufileLibrary().toString()));
    }

    @Test
    void theLibraryIsFoundByItsUsualName() throws IOException {
        try (CufileDriver driver = CufileDriver.open(Optional.empty())) {
            assertThat(driver.location()).isEqualTo("libcufile.so.0");
            assertThat(driver.version()).isEqualTo(1150);
        }
    }

    @Test
    void aLibraryThatCannotBeLoadedNamesTheSetting() {
        assertThatThrownBy(() -> CufileDriver.open(Optional.of("/nowhere/libcufile.so")))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("/nowhere/libcufile.so")
                .hasMessageContaining("cufile_library");
    }

    @Test
    void twoUsersShareTheDriverOfTheProcess() throws IOException {
        try (CufileDriver first = openDriver()) {
            CufileDriver second = openDriver();
            second.close();
            second.close();
            assertThat(first.version()).isEqualTo(1150);
            assertThat(StandIns.count("cuFileDriverOpen")).isOne();
            assertThat(StandIns.count("cuFileDriverClose")).isZero();
        }
        assertThat(StandIns.count("cuFileDriverClose")).isOne();
    }

    @Test
    void bytesComeBackAsTheyWentAlsoInSmallSteps() throws IOException {
        StandIns.cufileMostBytes(100_000);
        Path file = Files.createFile(folder.resolve("chunk"));
        try (CufileDriver driver = openDriver();
                RegisteredBuffer registration = driver.register(device, memory.buffer());
                CufileFile output = driver.openFile(file, CufileFile.Mode.WRITE, false);
                CufileFile input = driver.openFile(file, CufileFile.Mode.READ, false);
                Arena arena = Arena.ofConfined()) {
            MemorySegment there = randomBytes(arena);
            MemorySegment back = arena.allocate(BYTES);
            device.copyToDevice(there, memory.buffer());
            output.write(registration, memory.buffer(), 4096);
            device.copyToDevice(back, memory.buffer());
            input.read(registration, memory.buffer(), 4096);
            device.copyToHost(memory.buffer(), back);
            assertThat(back.mismatch(there)).isEqualTo(-1);
            assertThat(Files.size(file)).isEqualTo(4096 + BYTES);
        }
    }

    @Test
    void aPartOfTheRegistrationIsReadWithoutTouchingTheRest() throws IOException {
        Path file = Files.write(folder.resolve("chunk"), new byte[] {1, 2, 3, 4});
        try (CufileDriver driver = openDriver();
                RegisteredBuffer registration = driver.register(device, memory.buffer());
                CufileFile input = driver.openFile(file, CufileFile.Mode.READ, false);
                Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(4).fill((byte) 9);
            device.copyToDevice(bytes, memory.buffer().slice(4096, 4));
            input.read(registration, memory.buffer().slice(4097, 2), 2);
            device.copyToHost(memory.buffer().slice(4096, 4), bytes);
            assertThat(bytes.toArray(ValueLayout.JAVA_BYTE)).containsExactly(9, 3, 4, 9);
        }
    }

    @Test
    void aFileThatEndsEarlyIsToldAsSuch() throws IOException {
        Path file = Files.write(folder.resolve("short"), new byte[1000]);
        try (CufileDriver driver = openDriver();
                RegisteredBuffer registration = driver.register(device, memory.buffer());
                CufileFile input = driver.openFile(file, CufileFile.Mode.READ, false)) {
            assertThatThrownBy(() -> input.read(registration, memory.buffer(), 0))
                    .isInstanceOf(EOFException.class)
                    .hasMessageContaining("short ends at 1000");
        }
    }

    @Test
    void aFileThatIsGoneIsToldAsSuch() throws IOException {
        try (CufileDriver driver = openDriver()) {
            assertThatThrownBy(() -> driver.openFile(folder.resolve("none"), CufileFile.Mode.READ, false))
                    .isInstanceOfSatisfying(
                            IOException.class,
                            e -> assertThat(Errno.ENOENT.isCauseOf(e)).isTrue());
        }
    }

    @Test
    void aLinkIsNotFollowed() throws IOException {
        Path target = Files.write(folder.resolve("target"), new byte[1]);
        Path link = Files.createSymbolicLink(folder.resolve("link"), target);
        try (CufileDriver driver = openDriver()) {
            assertThatThrownBy(() -> driver.openFile(link, CufileFile.Mode.READ, false))
                    .isInstanceOf(IOException.class);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {5008, 5027, 5030, 5999})
    void aCodeAtRegistrationLeavesNoDescriptorOpen(int code) throws IOException {
        Path file = Files.createFile(folder.resolve("chunk"));
        StandIns.failAlways("cuFileHandleRegister", code);
        long before = openDescriptors();
        try (CufileDriver driver = openDriver()) {
            assertThatThrownBy(() -> driver.openFile(file, CufileFile.Mode.READ, false))
                    .isInstanceOfSatisfying(
                            CufileException.class, e -> assertThat(e.code()).isEqualTo(code))
                    .hasMessageContaining(file.toString());
        }
        assertThat(openDescriptors()).isEqualTo(before);
    }

    @Test
    void aCodeInMidReadSaysWhatWasRead() throws IOException {
        Path file = Files.write(folder.resolve("chunk"), new byte[4096]);
        try (CufileDriver driver = openDriver();
                RegisteredBuffer registration = driver.register(device, memory.buffer());
                CufileFile input = driver.openFile(file, CufileFile.Mode.READ, false)) {
            StandIns.fail("cuFileRead", 5030, 0, 1);
            assertThatThrownBy(() -> input.read(registration, memory.buffer().slice(0, 4096), 0))
                    .isInstanceOf(CufileException.class)
                    .hasMessage("cuFileRead of 4096 bytes at 0 of " + file + " failed: internal error (5030)");
        }
    }

    @Test
    void troubleOfTheFileIsNoTroubleOfCufile() throws IOException {
        Path file = Files.write(folder.resolve("chunk"), new byte[4096]);
        try (CufileDriver driver = openDriver();
                RegisteredBuffer registration = driver.register(device, memory.buffer());
                CufileFile input = driver.openFile(file, CufileFile.Mode.READ, false)) {
            StandIns.fail("cuFileRead", 1, 0, 1);
            assertThatThrownBy(() -> input.read(registration, memory.buffer().slice(0, 4096), 0))
                    .isExactlyInstanceOf(IOException.class)
                    .hasMessageContaining("errno 5");
        }
    }

    @Test
    void aDriverErrorOfCudaNamesItsResult() {
        StandIns.failAlways("cuFileDriverOpen", 5011);
        assertThatThrownBy(CufileDriverTest::openDriver)
                .hasMessage("cuFileDriverOpen failed: CUDA driver error (5011, CUDA result 999)");
    }

    @Test
    void aDirectoryWithoutDirectStorageIsNeverCalledDirect() throws IOException {
        StandIns.cufileProperties(2, 0xffff, 0xffff);
        try (CufileDriver driver = openDriver()) {
            assertThat(driver.isDirect(Path.of("/dev/shm"))).isFalse();
        }
    }

    @Test
    void directNeedsTheModuleOrPeerToPeer() {
        int nvme = 1 << DirectTarget.NVME.statusBit();
        assertThat(new CufileProperties(0, nvme, 0).supports(DirectTarget.NVME)).isFalse();
        assertThat(new CufileProperties(2, nvme, 0).supports(DirectTarget.NVME)).isTrue();
        assertThat(new CufileProperties(2, nvme, 0).supports(DirectTarget.LUSTRE))
                .isFalse();
        assertThat(new CufileProperties(0, 0, 1 << 4).peerToPeer()).isTrue();
        assertThat(new CufileProperties(2, nvme, 0b1111).peerToPeer()).isFalse();
    }

    private static MemorySegment randomBytes(Arena arena) {
        byte[] bytes = new byte[BYTES];
        new Random(42).nextBytes(bytes);
        return arena.allocate(BYTES).copyFrom(MemorySegment.ofArray(bytes));
    }

    private static long openDescriptors() throws IOException {
        try (var descriptors = Files.list(Path.of("/proc/self/fd"))) {
            return descriptors.count();
        }
    }
}
