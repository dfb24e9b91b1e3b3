package io.lmcache.chunkfiles.format;

import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.LoadingCache;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.crc.Crc32cCombine;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.ChunkFileNames;
import io.lmcache.chunkfiles.directory.ChunkName;
import io.lmcache.chunkfiles.directory.HeaderCheck;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.zip.CRC32C;

/**
 * The chunk files of LMCache: {@code {h[0:2]}/{h[2:4]}/{key}.kvcache.safetensors} with the payload at offset 4096, and
 * beside it the same with {@code .metadata} behind, which holds the header alone. {@link LmcacheHeader} has the header,
 * {@link LmcacheNames} the names, which are what versions differ in most.
 *
 * <p>LMCache's names say less than a chunk key: in 0.3.2 not the element type, in neither how the hidden size divides into
 * heads. So a file can be another chunk's with good reason, and a sound header of another shape is no sign of damage. A header
 * is sound only when it is written byte for byte as LMCache or this library writes what it says, so that no flipped bit
 * can pass for another shape, another version, or a file without a checksum. Thread-safe.
 */
final class LmcacheChunkFormat implements ChunkFileFormat {
    /** The longest name that file systems take, in bytes. */
    private static final int MAX_NAME_BYTES = 255;

    /** A name's part that the directories take; LMCache looks into directories with names of two characters only. */
    private static final int DIRECTORY_CHARACTERS = 4;

    /** What is known of a scope: the parts of its names, or why it has none. */
    private sealed interface Scope {
        record Named(LmcacheNames.ScopeName name, int bytes) implements Scope {}

        record Unnamed(ChunkName.Inexpressible why) implements Scope {}
    }

    private final LmcacheNames names;
    private final boolean writesFmt;
    private final boolean writesChecksum;
    // All chunks of a model share a scope.
    private final LoadingCache<KeyScope, Scope> scopes =
            Caffeine.newBuilder().maximumSize(1024).build(this::scope);

    LmcacheChunkFormat(LmcacheNames names, boolean writesFmt, boolean writesChecksum) {
        this.names = names;
        this.writesFmt = writesFmt;
        this.writesChecksum = writesChecksum;
    }

    @Override
    public ChunkName name(ChunkKey key) {
        return switch (scopes.get(key.scope())) {
            case Scope.Unnamed(ChunkName.Inexpressible why) -> why;
            case Scope.Named named -> name(named, key);
        };
    }

    private ChunkName name(Scope.Named scope, ChunkKey key) {
        String directories = names.inDirectories(key.hash());
        String hash = names.inName(key.hash());
        if (directories.length() < DIRECTORY_CHARACTERS) {
            return new ChunkName.Inexpressible("LMCache does not look for chunks with hashes below a thousand");
        }
        int bytes = scope.bytes() + hash.length();
        if (bytes > MAX_NAME_BYTES) {
            return new ChunkName.Inexpressible("the name of its file would have " + bytes + " bytes, possible are "
                    + MAX_NAME_BYTES + "; use file_format native, or a shorter name for the model");
        }
        return new ChunkName.Below(directories.substring(0, 2) + "/" + directories.substring(2, DIRECTORY_CHARACTERS)
                + "/" + scope.name().before() + hash + scope.name().after() + ChunkFileNames.LMCACHE_SUFFIX);
    }

    private Scope scope(KeyScope scope) {
        Optional<String> objection = names.objectionTo(scope).or(() -> objectionTo(scope.layout()));
        if (objection.isPresent()) {
            return new Scope.Unnamed(new ChunkName.Inexpressible(objection.get()));
        }
        LmcacheNames.ScopeName name = names.of(scope);
        return isPath(name)
                ? new Scope.Named(name, bytesWithoutHash(name))
                : new Scope.Unnamed(new ChunkName.Inexpressible(
                        "this process cannot name files so; start it in a UTF-8 locale, such as with LC_ALL=C.UTF-8, and"
                                + " without zero characters in the model's name"));
    }

    private static Optional<String> objectionTo(KvLayout layout) {
        if (LmcacheHeader.fmtOf(layout.format()).isEmpty()) {
            return Optional.of(
                    "LMCache's headers have no number for the format " + layout.format() + "; use file_format native");
        }
        return LmcacheHeader.nameOf(layout.dtype()).isPresent()
                ? Optional.empty()
                : Optional.of("LMCache's headers have no name for elements of type "
                        + layout.dtype().text() + "; use file_format native");
    }

    /** The length of the metadata file's name but for the hash. */
    private static int bytesWithoutHash(LmcacheNames.ScopeName name) {
        String rest = name.before() + name.after() + ChunkFileNames.LMCACHE_SUFFIX + ChunkFileNames.METADATA_SUFFIX;
        return rest.getBytes(StandardCharsets.UTF_8).length;
    }

    private static boolean isPath(LmcacheNames.ScopeName name) {
        try {
            return Path.of(name.before() + name.after()).getNameCount() == 1;
        } catch (InvalidPathException e) {
            return false;
        }
    }

    @Override
    public boolean hasMetadataFile() {
        return true;
    }

    @Override
    public byte[] header(ChunkKey key, ChunkMeta meta, int payloadCrc) {
        Optional<String> crc = writesChecksum
                ? Optional.of(LmcacheHeader.textOf(Crc32cCombine.concat(crcOfName(key), payloadCrc, meta.byteSize())))
                : Optional.empty();
        return header(meta, crc).toBytes();
    }

    private LmcacheHeader header(ChunkMeta meta, Optional<String> crc) {
        KvLayout layout = meta.layout();
        return new LmcacheHeader(
                LmcacheHeader.nameOf(layout.dtype()).orElseThrow(),
                shape(meta),
                0,
                meta.byteSize(),
                writesFmt ? LmcacheHeader.fmtOf(layout.format()) : OptionalInt.empty(),
                LmcacheHeader.VERSION,
                crc);
    }

    private static List<Long> shape(ChunkMeta meta) {
        return meta.layout().shape(meta.tokens()).stream()
                .map(Integer::longValue)
                .toList();
    }

    private int crcOfName(ChunkKey key) {
        return switch (name(key)) {
            case ChunkName.Below(String path) -> {
                String file = path.substring(path.lastIndexOf('/') + 1);
                CRC32C crc = new CRC32C();
                crc.update(file.substring(0, file.length() - ChunkFileNames.LMCACHE_SUFFIX.length())
                        .getBytes(StandardCharsets.UTF_8));
                yield (int) crc.getValue();
            }
            case ChunkName.Inexpressible(String reason) -> throw new IllegalArgumentException(reason);
        };
    }

    @Override
    public HeaderCheck check(ByteBuffer header, ChunkKey key) {
        byte[] bytes = new byte[HEADER_BYTES];
        header.get(0, bytes);
        try {
            return check(LmcacheHeader.read(bytes), bytes, key);
        } catch (IOException | ArithmeticException | NumberFormatException | LmcacheException e) {
            return new HeaderCheck.Invalid("has a header that " + e.getMessage());
        }
    }

    private HeaderCheck check(LmcacheHeader header, byte[] bytes, ChunkKey key) throws IOException {
        if (!Arrays.equals(header.toBytes(), bytes)) {
            return ofAnotherForm(header, bytes);
        }
        if (!header.version().equals(LmcacheHeader.VERSION)) {
            if (isOneBitOff(header.version())) {
                throw new IOException(versionObjection(header));
            }
            return new HeaderCheck.Other(versionObjection(header));
        }
        if (!header.isConsistent()) {
            throw new IOException("has a dtype, shape, fmt and data_offsets that do not go with each other: "
                    + header.dtype() + " " + header.shape() + ", fmt " + header.fmt() + ", from " + header.begin()
                    + " to " + header.end());
        }
        KvLayout layout = key.scope().layout();
        Optional<ChunkMeta> meta = meta(header, layout);
        if (meta.isEmpty()) {
            return new HeaderCheck.Other("holds " + header.dtype() + " " + header.shape() + ", not " + layout.dtype()
                    + " " + layout.fingerprint());
        }
        OptionalInt crc =
                header.crc().stream().mapToInt(LmcacheChunkFormat::crc).findFirst();
        return new HeaderCheck.Valid(meta.get(), payloadCrc(crc, key, meta.get()));
    }

    /** What to think of a header that reads well, but is not written as LMCache and this library write theirs. */
    private static HeaderCheck ofAnotherForm(LmcacheHeader header, byte[] bytes) throws IOException {
        if (!header.version().isEmpty() && !header.version().equals(LmcacheHeader.VERSION)) {
            return new HeaderCheck.Other(versionObjection(header));
        }
        if (LmcacheHeader.isOfSeveralGroups(bytes)) {
            return new HeaderCheck.Other("has a header of several groups, which are no chunk here");
        }
        throw new IOException("is not written as LMCache writes it");
    }

    /** Whether one flipped bit makes that of the known version; in a header like ours it is rather that than a new one. */
    private static boolean isOneBitOff(String version) {
        return version.length() == 1 && Integer.bitCount(version.charAt(0) ^ LmcacheHeader.VERSION.charAt(0)) == 1;
    }

    private static String versionObjection(LmcacheHeader header) {
        return "has a header of version '" + header.version() + "', known is '" + LmcacheHeader.VERSION + "'";
    }

    /** The chunk that the header describes; empty when it is none of that layout. */
    private static Optional<ChunkMeta> meta(LmcacheHeader header, KvLayout layout) {
        boolean isOfDtype = LmcacheHeader.nameOf(layout.dtype()).equals(Optional.of(header.dtype()));
        boolean isOfFormat = header.fmt().isEmpty() || header.fmt().equals(LmcacheHeader.fmtOf(layout.format()));
        if (!isOfDtype || !isOfFormat || header.shape().size() != 4) {
            return Optional.empty();
        }
        ChunkMeta meta = new ChunkMeta(layout, Math.toIntExact(header.shape().get(2)));
        return Optional.of(meta).filter(candidate -> shape(candidate).equals(header.shape()));
    }

    private static int crc(String text) {
        int crc = Integer.parseUnsignedInt(text, 16);
        if (!LmcacheHeader.textOf(crc).equals(text)) {
            throw new NumberFormatException("has a crc32c '" + text + "', which is not written so");
        }
        return crc;
    }

    private OptionalInt payloadCrc(OptionalInt both, ChunkKey key, ChunkMeta meta) {
        return both.isEmpty()
                ? both
                : OptionalInt.of(Crc32cCombine.second(crcOfName(key), both.getAsInt(), meta.byteSize()));
    }
}
