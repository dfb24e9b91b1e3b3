package io.lmcache.chunkfiles.inspect;

/** Told of what happens, in between. Paths are below the root, reasons the predicates of sentences about them. */
public interface InspectionListener {
    /** One more file was looked at. */
    void seen();

    /** Something there is left alone. */
    void passedOver(String path, String reason);

    /** A chunk's file is not what was stored. */
    void damaged(String path, String reason);

    /** That was removed or taken away from readers, or would be. */
    void removed(String path, Removals.Reason reason);
}
