package io.lmcache.api.spi;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** An eviction, in a flight recording. */
@Name("lmcache.Eviction")
@Label("Eviction")
@Category("LMCache")
@Description("A chunk was removed to make room")
@StackTrace(false)
final class EvictionEvent extends Event {
    @Label("Place")
    @Description("The name of the backend, or its directory")
    String place = "";

    @Label("Reason")
    String reason = "";

    @Label("Bytes")
    @DataAmount
    long bytes;
}
