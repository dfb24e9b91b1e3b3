package io.lmcache.chunkfiles.format;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.MemoryFormat;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.ChunkFileNames;
import io.lmcache.chunkfiles.directory.ChunkName;
import io.lmcache.chunkfiles.directory.PlainFiles;
import io.lmcache.chunkfiles.directory.WholeTransfer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Which chunk a file is, by its name and its header. Immutable and thread-safe.
 *
 * @param key the chunk; where the file does not say how many heads there are, with as many as the caller said, or one
 * @param kind what kind of file it is
 * @param format how it is read
 * @param signedHashes whether the file's name has the hash as a signed number; empty where it is not written as a number
 * @param headsKnown whether the number of heads is known
 */
public record FoundChunk(
        ChunkKey key, FileFormat kind, ChunkFileFormat format, Optional<Boolean> signedHashes, boolean headsKnown) {
    // Each remembers the scopes that it has named, so a directory of many chunks needs one of them.
    private static final ChunkFileFormat NATIVE = FileFormat.NATIVE.create(true, false);
    private static final ChunkFileFormat LMCACHE_0_3_2 = FileFormat.LMCACHE_0_3_2.create(true, false);
    private static final ChunkFileFormat LMCACHE_0_5_UNSIGNED = FileFormat.LMCACHE_0_5.create(true, false);
    private static final ChunkFileFormat LMCACHE_0_5_SIGNED = FileFormat.LMCACHE_0_5.create(true, true);

    /**
     * The kind of file that has this name; empty when it is no chunk.
     *
     * @param fileName the name without directories
     */
    public static Optional<FileFormat> kindOf(String fileName) {
        if (ChunkFileNames.isNative(fileName)) {
            return Optional.of(FileFormat.NATIVE);
        }
        if (!ChunkFileNames.isLmcache(fileName)) {
            return Optional.empty();
        }
        // What LMCache 0.5 quotes has no '@' left.
        return Optional.of(fileName.contains("@") ? FileFormat.LMCACHE_0_3_2 : FileFormat.LMCACHE_0_5);
    }

    /** Whether a file of that name is one layer of a chunk, as LMCache keeps them when it transfers layer by layer. */
    public static boolean isLayer(String fileName) {
        Optional<LmcacheName> name = kindOf(fileName).flatMap(kind -> switch (kind) {
            case NATIVE -> Optional.empty();
            case LMCACHE_0_3_2 -> new Lmcache032Names().parse(stem(fileName));
            case LMCACHE_0_5 -> new Lmcache05Names(true).parse(stem(fileName));
        });
        return name.filter(parsed -> parsed.layer().isPresent()).isPresent();
    }

    /**
     * The chunk in that file, which is not {@linkplain #isLayer one layer only}.
     *
     * @param path the file's path below its root, with {@code /} between
     * @param header its first {@link ChunkFileFormat#HEADER_BYTES} bytes
     * @param kvHeads the number of KV heads, for files of LMCache, which do not say it
     * @throws IOException when the file is no whole chunk of that name; the message tells why, as the predicate of a
     *     sentence about the file
     */
    public static FoundChunk in(String path, byte[] header, OptionalInt kvHeads) throws IOException {
        String fileName = path.substring(path.lastIndexOf('/') + 1);
        FileFormat kind = kindOf(fileName).orElseThrow(() -> new IOException("has no name of a chunk"));
        try {
            List<FoundChunk> candidates = switch (kind) {
                case NATIVE -> List.of(ofNative(header));
                case LMCACHE_0_3_2 -> ofLmcache(kind, new Lmcache032Names().parse(stem(fileName)), header, kvHeads);
                case LMCACHE_0_5 -> ofLmcache(kind, new Lmcache05Names(true).parse(stem(fileName)), header, kvHeads);
            };
            return candidates.stream()
                    .filter(chunk -> chunk.format().name(chunk.key()).equals(new ChunkName.Below(path)))
                    .findFirst()
                    .orElseThrow(() -> new IOException(objectionToName(candidates.getFirst())));
        } catch (LmcacheException | ArithmeticException e) {
            throw new IOException("describes no chunk: " + e.getMessage(), e);
        }
    }

    /** What the name of a native file says of its scope: the digest; empty for another file. */
    public static Optional<String> scopeDigestIn(String fileName) {
        return ChunkFileNames.isNative(fileName)
                ? Optional.of(fileName.substring(fileName.indexOf('-') + 1, fileName.indexOf('.')))
                : Optional.empty();
    }

    /**
     * The chunk in a native file whose scope is known, by its name alone.
     *
     * @throws IOException when no file of that scope has the name; the message tells why, as the predicate of a sentence
     */
    public static FoundChunk ofNative(String path, KeyScope scope) throws IOException {
        String fileName = path.substring(path.lastIndexOf('/') + 1);
        ChunkKey key;
        try {
            key = new ChunkKey(scope, ChunkHash.ofHex(fileName.substring(0, fileName.indexOf('-'))));
        } catch (LmcacheException e) {
            throw new IOException("has no name of a chunk: " + e.getMessage(), e);
        }
        FoundChunk chunk = new FoundChunk(key, FileFormat.NATIVE, NATIVE, Optional.empty(), true);
        if (!NATIVE.name(key).equals(new ChunkName.Below(path))) {
            throw new IOException(objectionToName(chunk));
        }
        return chunk;
    }

    /**
     * The model whose chunk, or layer of one, that file below that root is; empty where it does not say, or is gone.
     *
     * @throws IOException when it cannot be read
     */
    public static Optional<String> modelOf(Path root, Path file) throws IOException {
        String fileName = file.getFileName().toString();
        Optional<FileFormat> kind = kindOf(fileName);
        return kind.isEmpty()
                ? Optional.empty()
                : switch (kind.get()) {
                    case NATIVE -> modelInHeader(root, file);
                    case LMCACHE_0_3_2 ->
                        new Lmcache032Names().parse(stem(fileName)).map(LmcacheName::model);
                    case LMCACHE_0_5 ->
                        new Lmcache05Names(true).parse(stem(fileName)).map(LmcacheName::model);
                };
    }

    private static Optional<String> modelInHeader(Path root, Path file) throws IOException {
        try (FileChannel channel = PlainFiles.open(root, file, Set.of(StandardOpenOption.READ))) {
            return channel.size() < ChunkFileFormat.HEADER_BYTES
                    ? Optional.empty()
                    : NativeChunkFormat.modelIn(headerIn(channel));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    /** The header at the start of a file that is long enough to have one. */
    public static byte[] headerIn(FileChannel channel) throws IOException {
        byte[] header = new byte[ChunkFileFormat.HEADER_BYTES];
        WholeTransfer.read(channel, ByteBuffer.wrap(header), 0);
        return header;
    }

    private static String objectionToName(FoundChunk chunk) {
        return switch (chunk.format().name(chunk.key())) {
            case ChunkName.Below _ -> "has another name, or lies elsewhere, than its chunk's file";
            // So it is, too, where the name was not understood, for the locale of this process.
            case ChunkName.Inexpressible(String reason) -> "has a name that its format does not have: " + reason;
        };
    }

    private static String stem(String fileName) {
        return fileName.substring(0, fileName.length() - ChunkFileNames.LMCACHE_SUFFIX.length());
    }

    private static FoundChunk ofNative(byte[] header) throws IOException {
        try {
            ChunkKey key = NativeChunkFormat.keyIn(header);
            return new FoundChunk(key, FileFormat.NATIVE, NATIVE, Optional.empty(), true);
        } catch (IOException e) {
            throw new IOException("has a header that " + e.getMessage(), e);
        }
    }

    /** The chunk, in 0.5 with its hash taken for an unsigned number, and for a signed one: one of them has the name. */
    private static List<FoundChunk> ofLmcache(
            FileFormat kind, Optional<LmcacheName> parsed, byte[] header, OptionalInt kvHeads) throws IOException {
        LmcacheName name = parsed.orElseThrow(() -> new IOException("has no name that LMCache gives"));
        KvLayout layout = layout(headerIn(header), name, kvHeads);
        KeyScope scope = new KeyScope(name.model(), name.worldSize(), name.rank(), layout, name.tags());
        ChunkKey key = new ChunkKey(scope, name.hash());
        boolean headsKnown = kvHeads.isPresent() || layout.format() == MemoryFormat.KV_MLA_FMT;
        if (kind == FileFormat.LMCACHE_0_3_2) {
            return List.of(new FoundChunk(key, kind, LMCACHE_0_3_2, Optional.empty(), headsKnown));
        }
        return List.of(
                new FoundChunk(key, kind, LMCACHE_0_5_UNSIGNED, Optional.of(false), headsKnown),
                new FoundChunk(key, kind, LMCACHE_0_5_SIGNED, Optional.of(true), headsKnown));
    }

    private static LmcacheHeader headerIn(byte[] header) throws IOException {
        try {
            return LmcacheHeader.read(header);
        } catch (IOException e) {
            throw new IOException("has a header that " + e.getMessage(), e);
        }
    }

    private static KvLayout layout(LmcacheHeader header, LmcacheName name, OptionalInt kvHeads) throws IOException {
        KvDtype dtype = LmcacheHeader.dtypeOf(header.dtype())
                .orElseThrow(
                        () -> new IOException("holds elements of type " + header.dtype() + ", which is not known"));
        if (name.dtype().isPresent() && name.dtype().get() != dtype) {
            throw new IOException("holds " + header.dtype() + ", by its name "
                    + name.dtype().get().text());
        }
        if (header.shape().size() != 4) {
            throw new IOException("holds a tensor " + header.shape() + ", which is no chunk");
        }
        int layers = Math.toIntExact(header.shape().get(1));
        int hidden = Math.toIntExact(header.shape().get(3));
        MemoryFormat format = header.format()
                .orElseThrow(() -> new IOException("holds a tensor " + header.shape() + " in LMCache's format "
                        + header.fmt().orElse(0) + ", which is not known"));
        return format == MemoryFormat.KV_MLA_FMT
                ? KvLayout.mla(dtype, layers, hidden)
                : KvLayout.kv(dtype, layers, kvHeads.orElse(1), headSize(hidden, kvHeads.orElse(1)));
    }

    private static int headSize(int hidden, int kvHeads) throws IOException {
        if (hidden % kvHeads != 0) {
            throw new IOException(
                    "has " + hidden + " elements a token and layer, which " + kvHeads + " heads do not share");
        }
        return hidden / kvHeads;
    }
}
