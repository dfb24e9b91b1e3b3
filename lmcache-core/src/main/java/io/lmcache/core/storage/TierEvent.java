package io.lmcache.core.storage;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** One operation of a tier from its request to its answer, in a flight recording. */
@Name("lmcache.TierOperation")
@Label("Tier Operation")
@Category("LMCache")
@Description("A tier was asked for something and answered")
@StackTrace(false)
final class TierEvent extends Event {
    @Label("Tier")
    String tier = "";

    @Label("Operation")
    @Description("lookup, read or write")
    String operation = "";

    @Label("Outcome")
    @Description("What became of it: hit or miss, stored, present, or the reason why it was declined")
    String outcome = "";

    @Label("Chunks")
    @Description("For a lookup, those it asked for; else 1")
    int chunks;

    @Label("Bytes")
    @Description("The payload that was read or handed over")
    @DataAmount
    long bytes;
}
