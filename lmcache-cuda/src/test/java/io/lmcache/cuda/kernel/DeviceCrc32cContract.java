package io.lmcache.cuda.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lmcache.api.LmcacheException;
import io.lmcache.api.memory.DeviceBuffer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the CRC of device memory promises, on whichever device. */
abstract class DeviceCrc32cContract {
    private static final int SEGMENT = 2048 * 4;
    private static final int BLOCK = 8 * SEGMENT;
    private static final int GUARD = 128;

    private final long seed = System.nanoTime();
    private final Random random = new Random(seed);
    private TestDevice device;
    private DeviceCrc32c crc;

    abstract TestDevice open() throws IOException, InterruptedException;

    @BeforeEach
    void openDevice() throws IOException, InterruptedException {
        device = open();
        crc = new DeviceCrc32c(device.stream(), device.allocate(DeviceCrc32c.SCRATCH_BYTES));
    }

    @AfterEach
    void closeDevice() throws IOException {
        if (device != null) {
            device.close();
        }
    }

    @Test
    void everyLengthGivesTheCrcOfTheJdk() throws IOException {
        List<byte[]> messages = new ArrayList<>();
        for (int bytes = 0; bytes <= 160; bytes++) {
            messages.add(message(bytes));
        }
        for (int edge : new int[] {1024, 2048, SEGMENT, 3 * SEGMENT}) {
            for (int off : new int[] {-129, -4, -3, -2, -1, 0, 1, 2, 3, 4, 128, 1023}) {
                messages.add(message(edge + off));
            }
        }
        for (int edge : new int[] {BLOCK - 1, BLOCK, BLOCK + 5, 2 * BLOCK + 1000}) {
            messages.add(message(edge));
        }
        assertSameCrcs(messages);
    }

    @Test
    void aMessageOfZerosIsNotTheSameAsNoMessage() throws IOException {
        assertSameCrcs(List.of(new byte[0], new byte[1], new byte[4], new byte[SEGMENT], new byte[BLOCK + 1]));
    }

    @Test
    void everySingleBitCounts() throws IOException {
        byte[] message = new byte[SEGMENT + 640];
        List<byte[]> messages = new ArrayList<>();
        for (int i = 0; i < 16; i++) {
            byte[] flipped = message.clone();
            flipped[random.nextInt(flipped.length)] ^= (byte) (1 << random.nextInt(8));
            messages.add(flipped);
        }
        assertSameCrcs(messages);
    }

    @Test
    void moreMessagesThanALaunchHoldsKeepTheirOrder() throws IOException {
        assertSameCrcs(IntStream.range(0, 130).mapToObj(i -> message(4 * i)).toList());
    }

    @Test
    void moreMessagesThanAreQueuedAtATimeKeepTheirOrder() throws IOException {
        int queued = Math.toIntExact(DeviceCrc32c.SCRATCH_BYTES / Integer.BYTES);
        DeviceBuffer one = device.upload(message(12));
        DeviceBuffer other = device.upload(message(8));
        List<DeviceBuffer> regions = new ArrayList<>(Collections.nCopies(queued + 1, one));
        regions.set(queued - 1, other);
        int[] crcs = crc.compute(regions);
        int[] alone = crc.compute(List.of(one, other));
        assertThat(crcs).as("seed %d", seed).hasSize(queued + 1).endsWith(alone[0], alone[1], alone[0]);
    }

    @Test
    void aRegionThatStartsBetweenWordsIsRefused() throws IOException {
        DeviceBuffer region = device.allocate(64).slice(2, 8);
        assertThatThrownBy(() -> crc.compute(List.of(region)))
                .isInstanceOf(LmcacheException.class)
                .hasMessageContaining("multiple of 4");
    }

    @Test
    void aRegionOfAnotherDeviceIsRefused() {
        DeviceBuffer elsewhere = new DeviceBuffer(4096, 8, 7);
        assertThatThrownBy(() -> crc.compute(List.of(elsewhere)))
                .isInstanceOf(LmcacheException.class)
                .hasMessageContaining("ordinal=7");
    }

    /** Bytes on both sides that do not belong to the message, and show when they are taken for it. */
    private DeviceBuffer uploadAmongOthers(byte[] message) throws IOException {
        byte[] whole = message(GUARD + message.length + GUARD);
        System.arraycopy(message, 0, whole, GUARD, message.length);
        return device.upload(whole).slice(GUARD, message.length);
    }

    private byte[] message(int bytes) {
        byte[] message = new byte[bytes];
        random.nextBytes(message);
        return message;
    }

    private void assertSameCrcs(List<byte[]> messages) throws IOException {
        List<DeviceBuffer> regions = new ArrayList<>();
        for (byte[] message : messages) {
            regions.add(uploadAmongOthers(message));
        }
        int[] crcs = crc.compute(regions);
        assertThat(crcs).hasSize(messages.size());
        for (int i = 0; i < crcs.length; i++) {
            CRC32C expected = new CRC32C();
            expected.update(messages.get(i));
            assertThat(Integer.toHexString(crcs[i]))
                    .as("message %d of %d bytes, seed %d", i, messages.get(i).length, seed)
                    .isEqualTo(Long.toHexString(expected.getValue()));
        }
    }
}
