package io.lmcache.testkit;

import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * Damages bytes and texts as drives, crashes, editors and attackers do, repeatably: flipped bits, other bytes, pieces lost,
 * doubled, swapped or cut off, numbers at their limits.
 *
 * <p>For parsers of what anybody may have written: whatever comes out, they answer with a value or a typed error. Not
 * thread-safe.
 */
public final class Damage {
    // What parsers stumble over: limits of numbers, structure where there was none, characters beyond one byte.
    private static final List<String> POISON = List.of(
            "-1",
            "0",
            "2147483648",
            "9223372036854775807",
            "99999999999999999999",
            "1e999",
            "NaN",
            "null",
            "true",
            "[[[[",
            "{}",
            "]",
            "\"",
            "\\",
            "\\u0000",
            "%",
            "%2",
            "%00",
            "@@",
            "=",
            "&a",
            "*a",
            "!!x",
            "\n",
            "\0",
            "\u00e9",
            "\ud83d\ude00");

    private final long seed;
    private final Random random;

    /** Damage that is the same for the same seed. */
    public Damage(long seed) {
        this.seed = seed;
        random = new Random(seed);
    }

    /** The bytes with one bit flipped. */
    public byte[] flipBit(byte[] sound) {
        byte[] damaged = sound.clone();
        int bit = random.nextInt(sound.length * 8);
        damaged[bit / 8] ^= (byte) (1 << (bit % 8));
        return damaged;
    }

    /** Bytes of the same length, damaged in one to eight places. */
    public byte[] of(byte[] sound) {
        byte[] damaged = sound.clone();
        for (int places = 1 + random.nextInt(8); places > 0; places--) {
            damageOnce(damaged);
        }
        return damaged;
    }

    private void damageOnce(byte[] bytes) {
        int from = random.nextInt(bytes.length);
        int length = 1 + random.nextInt(Math.min(64, bytes.length - from));
        switch (random.nextInt(5)) {
            case 0 -> bytes[from] ^= (byte) (1 << random.nextInt(8));
            case 1 -> bytes[from] = (byte) random.nextInt(256);
            case 2 -> Arrays.fill(bytes, from, from + length, (byte) random.nextInt(256));
            case 3 -> System.arraycopy(bytes, from, bytes, random.nextInt(bytes.length - length + 1), length);
            default -> overwrite(bytes, from, POISON.get(random.nextInt(POISON.size())));
        }
    }

    private static void overwrite(byte[] bytes, int from, String text) {
        for (int i = 0; i < text.length() && from + i < bytes.length; i++) {
            bytes[from + i] = (byte) text.charAt(i);
        }
    }

    /** A text of about that length, damaged in one to eight places. */
    public String of(String sound) {
        StringBuilder damaged = new StringBuilder(sound);
        for (int places = 1 + random.nextInt(8); places > 0; places--) {
            damageOnce(damaged);
        }
        return damaged.toString();
    }

    private void damageOnce(StringBuilder text) {
        int from = random.nextInt(text.length() + 1);
        int to = Math.min(text.length(), from + random.nextInt(16));
        switch (random.nextInt(4)) {
            case 0 -> text.delete(from, to);
            case 1 -> text.insert(from, text.substring(from, to));
            case 2 -> text.insert(from, POISON.get(random.nextInt(POISON.size())));
            default -> text.replace(from, to, String.valueOf((char) random.nextInt(0x300)));
        }
    }

    @Override
    public String toString() {
        return "Damage[seed=" + seed + "]";
    }
}
