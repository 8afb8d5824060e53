"""The events of this app beside those of the state table. Importing it declares them."""

from audit.actions import declare_events

declare_events(
    post__created="wrote a post",
    post__changed="changed a post",
    media__added="uploaded a picture or video",
    media__refused="tried to upload an infected file",
    media__unchecked="could not upload: the file could not be checked for viruses",
    media__discarded="threw away uploads that no post has taken up",
    delivery__rescheduled="moved {} to another time",
    correction__proposed="proposed a correction of",
    correction__ordered="ordered a correction of {} without review",
    correction__approved="approved a correction of",
    correction__returned="returned a correction of {} with a comment",
    correction__dropped="took back a correction of",
    correction__tried="began to correct",
    correction__made="corrected",
    correction__retried="will try again to correct",
    correction__failed="could not correct",
    correction__in_doubt="could not tell whether {} was corrected",
    pause__begun="held back",
    pause__ended="ended the hold on {}",
    delivery__right_ends="saw that the right to send a post ends before it is due",
    delivery__warned="found trouble while preparing",
    platform__paused="stopped sending to a platform",
    platform__resumed="went on sending to a platform",
)
