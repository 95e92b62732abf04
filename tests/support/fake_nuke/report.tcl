# Sources a Nuke script or gizmo with stub procedures, and prints what it does as lines of JSON.
#
# usage: tclsh report.tcl FILE
#
# A Nuke script is Tcl (https://www.nukepedia.com/reference/Tcl): each capitalised command makes a
# node from one list of knob names and values, takes its inputs from a stack, and puts itself on it.
# The file runs in a safe interpreter, so it can do nothing else.

fconfigure stdout -encoding utf-8 -translation lf
set stack {}
set outer {}
set last 0

proc quoted {text} {
    set map {\\ \\\\ \" \\\" \n \\n \r \\r \t \\t}
    return "\"[string map $map $text]\""
}

proc array_of {words} {
    set parts {}
    foreach word $words {lappend parts [quoted $word]}
    return "\[[join $parts ,]\]"
}

proc tell {kind words} {
    puts "\[[quoted $kind],[array_of $words]\]"
}

# The number of inputs: 2, or 1+1 where the second counts masks.
proc count_of {text} {
    if {![regexp {^\d+(\+\d+)?$} $text]} {error "inputs $text: not a number"}
    return [expr $text]
}

proc pop_inputs {count} {
    global stack
    set taken {}
    for {set i 0} {$i < $count} {incr i} {
        lappend taken [expr {[llength $stack] ? [lindex $stack 0] : 0}]
        set stack [lrange $stack 1 end]
    }
    return $taken
}

proc make_node {class arguments} {
    global stack outer last
    if {![regexp {^[A-Z][A-Za-z0-9_]*$} $class]} {error "invalid command name \"$class\""}
    if {[llength $arguments] > 1} {
        error "$class wants one list of knobs; is there text after its closing brace?"
    }
    set body [lindex $arguments 0]
    if {[llength $body] % 2} {error "$class: a knob without a value: [lindex $body end]"}
    set inputs 1
    foreach {knob value} $body {
        if {$knob eq "inputs"} {set inputs [count_of $value]}
    }
    if {$class eq "Root"} {set inputs 0}
    incr last
    tell node [list $last $class]
    tell inputs [pop_inputs $inputs]
    foreach {knob value} $body {
        if {$knob eq "addUserKnob"} {
            tell user [lrange $value 0 end]
        } elseif {$knob ne "inputs"} {
            tell knob [list $knob $value]
        }
    }
    tell made {}
    if {$class eq "Group" || $class eq "Gizmo"} {
        lappend outer [list $last $stack]
        set stack {}
    } elseif {$class ne "Root"} {
        set stack [linsert $stack 0 $last]
    }
    return ""
}

proc end_group {} {
    global stack outer
    if {![llength $outer]} {error "end_group without a Group or Gizmo before it"}
    lassign [lindex $outer end] group below
    set outer [lrange $outer 0 end-1]
    set stack [linsert $below 0 $group]
    tell end {}
}

proc push {node} {
    global stack
    set stack [linsert $stack 0 $node]
    return $node
}

proc from_stack {index} {
    global stack
    return [expr {$index < [llength $stack] ? [lindex $stack $index] : 0}]
}

set script [interp create -safe]
proc unknown_command {name args} {make_node $name $args}
proc ignored {args} {}
interp alias $script unknown {} unknown_command
interp alias $script push {} push
interp alias $script stack {} from_stack
interp alias $script end_group {} end_group
interp alias $script add_layer {} tell layer
foreach name {version define_window_layout_xml} {interp alias $script $name {} ignored}

set file [open [lindex $argv 0]]
fconfigure $file -encoding utf-8
set text [read $file]
close $file

if {[catch {interp eval $script $text} message options]} {
    set line ""
    if {[dict exists $options -errorline]} {set line [dict get $options -errorline]}
    tell error [list $line $message]
} elseif {[llength $outer]} {
    tell error [list "" "[llength $outer] end_group missing at the end"]
}
